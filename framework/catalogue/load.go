package catalogue

import (
	"embed"
	"fmt"
	"io/fs"

	"github.com/bulkhead-security/bulkhead/strict"
)

//go:embed data/*.yaml
var data embed.FS

// Version is the version of the catalogue's text; it changes when a text or a relation changes.
const Version = "1.0.0"

// Released is the day of Version (RFC 3339), which documents made from the catalogue carry as their date.
const Released = "2026-11-22T00:00:00Z"

// Standard names the recommendation that the catalogue puts into practice.
const Standard = "ITU-T X.1643 (01/2022)"

// Load reads the embedded catalogue.
func Load() (*Catalogue, error) { return load(data) }

// load is strict: a field that the types do not know is a misspelt text that nobody would ever see.
func load(files fs.FS) (*Catalogue, error) {
	c := &Catalogue{}
	for _, f := range []struct {
		name string
		into any
	}{
		{"sections.yaml", &c.Sections},
		{"requirements.yaml", &c.Requirements},
		{"threats.yaml", &c.Threats},
		{"parts.yaml", &c.Parts},
	} {
		text, err := fs.ReadFile(files, "data/"+f.name)
		if err != nil {
			return nil, fmt.Errorf("catalogue: the embedded file %s is missing from this build: %w", f.name, err)
		}
		if err := strict.YAML(text, f.into); err != nil {
			return nil, fmt.Errorf("catalogue: the embedded file %s does not parse: %w", f.name, err)
		}
	}
	return c, nil
}

// Threat returns the threat with the id.
func (c *Catalogue) Threat(id string) (Threat, bool) {
	for _, t := range c.Threats {
		if t.ID == id {
			return t, true
		}
	}
	return Threat{}, false
}

// Part returns the part with the id.
func (c *Catalogue) Part(id string) (Part, bool) {
	for _, p := range c.Parts {
		if p.ID == id {
			return p, true
		}
	}
	return Part{}, false
}

// SectionOf returns the innermost section that holds the requirement: 8.6.2 for "8.6.2.a.1".
func (c *Catalogue) SectionOf(id string) (Section, bool) {
	var best Section
	for _, s := range c.Sections {
		if len(s.ID) > len(best.ID) && Within(id, s.ID) {
			best = s
		}
	}
	return best, best.ID != ""
}

// Answering returns the requirements that answer for the threat, in the order of the standard.
func (c *Catalogue) Answering(threat string) []Requirement {
	var out []Requirement
	for _, r := range c.Requirements {
		for _, t := range r.Threats {
			if t == threat {
				out = append(out, r)
			}
		}
	}
	return out
}

// Within reports whether a clause lies below another: "8.6.2.a.1" is within "8.6.2", "8.10" is not within "8.1".
func Within(clause, parent string) bool {
	return len(clause) > len(parent) && clause[:len(parent)] == parent && clause[len(parent)] == '.'
}
