package oscal

// Common to all documents.

type docMetadata struct {
	Title        string     `json:"title"`
	LastModified string     `json:"last-modified"`
	Version      string     `json:"version"`
	OSCALVersion string     `json:"oscal-version"`
	Props        []property `json:"props,omitempty"`
	Remarks      string     `json:"remarks,omitempty"`
}

type property struct {
	Name    string `json:"name"`
	NS      string `json:"ns,omitempty"`
	Value   string `json:"value"`
	Class   string `json:"class,omitempty"`
	Group   string `json:"group,omitempty"`
	Remarks string `json:"remarks,omitempty"`
}

type link struct {
	Href string `json:"href"`
	Rel  string `json:"rel,omitempty"`
	Text string `json:"text,omitempty"`
}

type backMatter struct {
	Resources []resource `json:"resources"`
}

type resource struct {
	UUID        string         `json:"uuid"`
	Title       string         `json:"title"`
	Description string         `json:"description,omitempty"`
	Props       []property     `json:"props,omitempty"`
	RLinks      []resourceLink `json:"rlinks,omitempty"`
}

type resourceLink struct {
	Href      string `json:"href"`
	MediaType string `json:"media-type,omitempty"`
}

// Catalog.

type catalogDoc struct {
	UUID       string      `json:"uuid"`
	Metadata   docMetadata `json:"metadata"`
	Groups     []group     `json:"groups"`
	BackMatter backMatter  `json:"back-matter"`
}

// group holds either groups or controls, never both.
type group struct {
	ID       string     `json:"id"`
	Class    string     `json:"class"`
	Title    string     `json:"title"`
	Props    []property `json:"props"`
	Groups   []group    `json:"groups,omitempty"`
	Controls []control  `json:"controls,omitempty"`
}

type control struct {
	ID    string     `json:"id"`
	Class string     `json:"class"`
	Title string     `json:"title"`
	Props []property `json:"props"`
	Links []link     `json:"links,omitempty"`
	Parts []part     `json:"parts"`
}

type part struct {
	ID    string     `json:"id"`
	Name  string     `json:"name"`
	NS    string     `json:"ns,omitempty"`
	Props []property `json:"props,omitempty"`
	Prose string     `json:"prose,omitempty"`
	Parts []part     `json:"parts,omitempty"`
}

// Component definition.

type componentsDoc struct {
	UUID       string      `json:"uuid"`
	Metadata   docMetadata `json:"metadata"`
	Components []component `json:"components"`
	BackMatter backMatter  `json:"back-matter"`
}

type component struct {
	UUID            string                  `json:"uuid"`
	Type            string                  `json:"type"`
	Title           string                  `json:"title"`
	Description     string                  `json:"description"`
	Props           []property              `json:"props,omitempty"`
	Status          *componentStatus        `json:"status,omitempty"`
	Implementations []controlImplementation `json:"control-implementations,omitempty"`
}

type componentStatus struct {
	State string `json:"state"`
}

type controlImplementation struct {
	UUID         string                   `json:"uuid"`
	Source       string                   `json:"source"`
	Description  string                   `json:"description"`
	Requirements []implementedRequirement `json:"implemented-requirements"`
}

type implementedRequirement struct {
	UUID        string      `json:"uuid"`
	ControlID   string      `json:"control-id"`
	Description string      `json:"description"`
	Props       []property  `json:"props,omitempty"`
	Statements  []statement `json:"statements,omitempty"`
}

type statement struct {
	StatementID string `json:"statement-id"`
	UUID        string `json:"uuid"`
	Description string `json:"description"`
}
