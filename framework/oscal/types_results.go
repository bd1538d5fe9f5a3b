package oscal

// Assessment results.

type resultsDoc struct {
	UUID       string         `json:"uuid"`
	Metadata   docMetadata    `json:"metadata"`
	ImportAP   importAP       `json:"import-ap"`
	Results    []assessResult `json:"results"`
	BackMatter backMatter     `json:"back-matter"`
}

type importAP struct {
	Href string `json:"href"`
}

type assessResult struct {
	UUID             string           `json:"uuid"`
	Title            string           `json:"title"`
	Description      string           `json:"description"`
	Start            string           `json:"start"`
	End              string           `json:"end"`
	Props            []property       `json:"props,omitempty"`
	LocalDefinitions localDefinitions `json:"local-definitions"`
	ReviewedControls reviewedControls `json:"reviewed-controls"`
	Observations     []observation    `json:"observations,omitempty"`
	Risks            []risk           `json:"risks,omitempty"`
	Findings         []finding        `json:"findings,omitempty"`
}

type localDefinitions struct {
	InventoryItems   []inventoryItem  `json:"inventory-items,omitempty"`
	AssessmentAssets assessmentAssets `json:"assessment-assets"`
}

type inventoryItem struct {
	UUID        string     `json:"uuid"`
	Description string     `json:"description"`
	Props       []property `json:"props,omitempty"`
}

type assessmentAssets struct {
	Components []component `json:"components"`
	Platforms  []platform  `json:"assessment-platforms"`
}

type platform struct {
	UUID string          `json:"uuid"`
	Uses []usesComponent `json:"uses-components"`
}

type usesComponent struct {
	ComponentUUID string `json:"component-uuid"`
}

type reviewedControls struct {
	Selections []controlSelection `json:"control-selections"`
}

type controlSelection struct {
	Include []includeControl `json:"include-controls"`
}

type includeControl struct {
	ControlID string `json:"control-id"`
}

type observation struct {
	UUID        string             `json:"uuid"`
	Title       string             `json:"title"`
	Description string             `json:"description"`
	Props       []property         `json:"props,omitempty"`
	Methods     []string           `json:"methods"`
	Types       []string           `json:"types"`
	Origins     []origin           `json:"origins"`
	Subjects    []subjectReference `json:"subjects"`
	Evidence    []relevantEvidence `json:"relevant-evidence,omitempty"`
	Collected   string             `json:"collected"`
}

type origin struct {
	Actors []actor `json:"actors"`
}

type actor struct {
	Type      string `json:"type"`
	ActorUUID string `json:"actor-uuid"`
}

type subjectReference struct {
	SubjectUUID string `json:"subject-uuid"`
	Type        string `json:"type"`
	Title       string `json:"title,omitempty"`
}

type relevantEvidence struct {
	Description string     `json:"description"`
	Props       []property `json:"props,omitempty"`
}

type risk struct {
	UUID         string               `json:"uuid"`
	Title        string               `json:"title"`
	Description  string               `json:"description"`
	Statement    string               `json:"statement"`
	Props        []property           `json:"props,omitempty"`
	Status       string               `json:"status"`
	Deadline     string               `json:"deadline,omitempty"`
	Remediations []response           `json:"remediations,omitempty"`
	Observations []relatedObservation `json:"related-observations"`
}

type response struct {
	UUID        string `json:"uuid"`
	Lifecycle   string `json:"lifecycle"`
	Title       string `json:"title"`
	Description string `json:"description"`
}

type finding struct {
	UUID         string               `json:"uuid"`
	Title        string               `json:"title"`
	Description  string               `json:"description"`
	Props        []property           `json:"props"`
	Target       findingTarget        `json:"target"`
	Observations []relatedObservation `json:"related-observations,omitempty"`
	Risks        []relatedRisk        `json:"related-risks,omitempty"`
}

type findingTarget struct {
	Type           string                `json:"type"`
	TargetID       string                `json:"target-id"`
	Status         targetStatus          `json:"status"`
	Implementation *implementationStatus `json:"implementation-status,omitempty"`
}

type targetStatus struct {
	State   string `json:"state"`
	Reason  string `json:"reason"`
	Remarks string `json:"remarks,omitempty"`
}

type implementationStatus struct {
	State string `json:"state"`
}

type relatedObservation struct {
	ObservationUUID string `json:"observation-uuid"`
}

type relatedRisk struct {
	RiskUUID string `json:"risk-uuid"`
}
