// Package catalogue is ITU-T X.1643 as data: the requirements of clause 8, the threats of clause 7 and the parts of the
// framework of clause 6, in English and Chinese, in Bulkhead's own words with the clause as the reference.
//
// It is read-only and embedded. It may import model and a YAML parser, reads no files of the machine, and does not judge: which checks answer
// for a requirement is told by framework/assess.
package catalogue

import "github.com/bulkhead-security/bulkhead/model"

// Requirement is one requirement of clause 8.
type Requirement struct {
	ID      string        `json:"id" yaml:"id"` // "8.1.c", "8.6.2.a.2"
	Keyword model.Keyword `json:"keyword" yaml:"keyword"`
	Title   model.Text    `json:"title" yaml:"title"`
	// Asks says what the clause asks, Why what goes wrong without it, Evidence what Bulkhead looks at, Control how
	// Bulkhead enforces it, Drill how that is proved.
	Asks     model.Text `json:"asks" yaml:"asks"`
	Why      model.Text `json:"why" yaml:"why"`
	Evidence model.Text `json:"evidence" yaml:"evidence"`
	Control  model.Text `json:"control" yaml:"control"`
	Drill    model.Text `json:"drill" yaml:"drill"`
	Threats  []string   `json:"threats" yaml:"threats"` // ids of Threat
	Parts    []string   `json:"parts" yaml:"parts"`     // ids of Part
	// Controls are names of model.Control that serve it, also those that come with later versions; none where nothing but people can.
	Controls []string `json:"controls" yaml:"controls"`
}

// Threat is one threat of clause 7.
type Threat struct {
	ID    string     `json:"id" yaml:"id"` // "7.2.2"
	Title model.Text `json:"title" yaml:"title"`
	Text  model.Text `json:"text" yaml:"text"`
	// Techniques are MITRE ATT&CK ids for containers, where one fits.
	Techniques []string `json:"techniques,omitempty" yaml:"techniques,omitempty"`
}

// Part is one part of the framework of clause 6.
type Part struct {
	ID    string     `json:"id" yaml:"id"` // "6.a", "6.c.i"
	Title model.Text `json:"title" yaml:"title"`
	Text  model.Text `json:"text" yaml:"text"`
}

// Section is a heading of clause 8 that groups requirements.
type Section struct {
	ID    string     `json:"id" yaml:"id"` // "8.1", "8.6.2"
	Title model.Text `json:"title" yaml:"title"`
}

// Catalogue is the whole of it, in the order of the standard.
type Catalogue struct {
	Sections     []Section     `json:"sections" yaml:"sections"`
	Requirements []Requirement `json:"requirements" yaml:"requirements"`
	Threats      []Threat      `json:"threats" yaml:"threats"`
	Parts        []Part        `json:"parts" yaml:"parts"`
}

// Requirement returns the requirement with the id.
func (c *Catalogue) Requirement(id string) (Requirement, bool) {
	for _, r := range c.Requirements {
		if r.ID == id {
			return r, true
		}
	}
	return Requirement{}, false
}
