package model

// Drill describes a harmless attack that shows whether a control holds.
type Drill struct {
	ID          string   `json:"id"`          // "8.5.c/other-tenant"
	Requirement string   `json:"requirement"` // of X.1643
	Threats     []string `json:"threats"`     // of X.1643, clause 7
	Technique   string   `json:"technique"`   // of MITRE ATT&CK
	Title       string   `json:"title"`
	TitleZH     string   `json:"title_zh"`
	Needs       []string `json:"needs"` // "root", "engine", "postgresql"; empty for none
}

// AttackResult is how the attack of a drill ended.
type AttackResult string

// The results of an attack.
const (
	AttackSucceeded AttackResult = "attack_succeeded"
	AttackFailed    AttackResult = "attack_failed"
	AttackNotRun    AttackResult = "not_run"
)

// Verdict is what a drill shows.
type Verdict string

// The verdicts: proved means that the attack succeeded without the control and failed with it, and that the refusal was
// recorded.
const (
	VerdictProved    Verdict = "proved"
	VerdictNotProved Verdict = "not_proved"
	VerdictCannotRun Verdict = "cannot_run"
	// VerdictHeld is of a guard that is in use: the attack failed there and the refusal was recorded. The other half was not made.
	VerdictHeld Verdict = "held"
)

// DrillSchema names the shape of DrillReport.
const DrillSchema = "bulkhead.drill/v1"

// DrillResult is the outcome of one drill.
type DrillResult struct {
	ID             string       `json:"id"`
	WithoutControl AttackResult `json:"without_control"`
	WithControl    AttackResult `json:"with_control"`
	Verdict        Verdict      `json:"verdict"`
	Why            string       `json:"why"`
	DurationMS     int64        `json:"duration_ms"`
}

// DrillReport is what `bulkhead drill run --output json` prints.
type DrillReport struct {
	Schema  string        `json:"schema"`
	Results []DrillResult `json:"results"`
}
