package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
)

// SARIF writes the assessment as SARIF 2.1.0: one rule per check, one result per piece of evidence that fails, warns
// or is unknown. Fingerprints rest on check and subject, so that a result keeps its identity from run to run. A result
// under an exception in force is suppressed. The catalogue explains the rules and may be nil.
func SARIF(w io.Writer, a *model.Assessment, cat *catalogue.Catalogue) error {
	if err := sarifReport(a, cat).PrettyWrite(w); err != nil {
		return fmt.Errorf("write SARIF: %w", err)
	}
	return nil
}

func sarifReport(a *model.Assessment, cat *catalogue.Catalogue) *sarif.Report {
	run := sarif.NewRunWithInformationURI("Bulkhead", "https://github.com/bulkhead-security/bulkhead")
	if a.Node.Version != "" {
		run.Tool.Driver.WithVersion(a.Node.Version)
	}
	taken := a.Time.UTC().Format("2006-01-02T15:04:05.000Z")
	run.AddInvocation(sarif.NewInvocation().WithExecutionSuccessful(true).WithEndTimeUtc(taken).
		WithMachine(clean(nodeName(a.Node))).
		WithToolExecutionNotifications(gapNotes(a.Gaps)))
	run.WithProperties(sarif.NewPropertyBag().
		Add("schema", model.AssessmentSchema).
		Add("node", clean(nodeName(a.Node))).
		Add("requirements", requirementStates(a)))
	for _, r := range a.Requirements {
		for _, c := range r.Checks {
			addCheck(run, r, c, cat)
		}
	}
	rep := sarif.NewReport()
	rep.AddRun(run)
	return rep
}

func requirementStates(a *model.Assessment) map[string]string {
	out := map[string]string{}
	for _, r := range a.Requirements {
		out[r.ID] = string(r.Status)
	}
	return out
}

// gapNotes tells a reader of the file what the tool could not see.
func gapNotes(gaps []model.Gap) []*sarif.Notification {
	out := []*sarif.Notification{}
	for _, g := range gaps {
		text := gapPath(g) + ": " + word("en", string(g.Reason))
		for _, s := range []string{g.Detail, g.Remedy} {
			if s != "" {
				text += ". " + s
			}
		}
		out = append(out, sarif.NewNotification().WithLevel("note").WithMessage(sarif.NewTextMessage(clean(text))))
	}
	return out
}

func addCheck(run *sarif.Run, r model.RequirementResult, c model.CheckResult, cat *catalogue.Catalogue) {
	rule := run.AddRule(c.ID)
	rule.WithName(ruleName(c.ID)).
		WithShortDescription(bothTexts(c.Title, "")).
		WithFullDescription(bothTexts(fmt.Sprintf("%s. X.1643 %s (%s): %s.", c.Title, r.ID, word("en", string(r.Keyword)), r.Title), "")).
		WithHelp(help(r, c, cat)).
		WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(level(c))).
		WithProperties(sarif.NewPropertyBag().
			Add("severity", string(c.Severity)).
			Add("security-severity", score(c.Severity)).
			Add("essential", c.Essential).
			Add("requirement", r.ID).
			Add("keyword", string(r.Keyword)).
			WithTags(append([]string{"security", "X.1643/" + r.ID}, c.References...)))
	index := run.GetRuleIndex(c.ID)
	seen := map[string]int{}
	for _, e := range c.Evidence {
		if bad(e.Status) {
			run.AddResult(result(c, e, index, seen))
		}
	}
}

func result(c model.CheckResult, e model.Evidence, index int, seen map[string]int) *sarif.Result {
	kind, lvl := "fail", level(c)
	switch e.Status {
	case model.CheckUnknown:
		kind, lvl = "open", sarif.LevelNone // SARIF wants none for every kind but fail
	case model.CheckWarn:
		lvl = sarif.LevelNote
	}
	res := sarif.NewRuleResult(c.ID).WithRuleIndex(index).WithKind(kind).WithLevel(lvl).
		WithMessage(sarif.NewTextMessage(clean(message(e)))).
		WithLocations([]*sarif.Location{location(e)}).
		WithPartialFingerprints(map[string]string{"bulkhead/v1": fingerprint(c.ID, e, seen)}).
		WithProperties(sarif.NewPropertyBag().Add("status", string(e.Status)).Add("pointer", e.Pointer))
	if x := e.Exception; x != nil && !x.Expired {
		res.AddSuppression(sarif.NewSuppression().WithKind("external").WithStatus("accepted").
			WithJustification(clean(fmt.Sprintf("%s (owner %s, until %s)", x.Reason, x.Owner, x.Expires))))
	}
	return res
}

func message(e model.Evidence) string {
	if e.Subject == "" || strings.HasPrefix(e.Text, e.Subject) {
		return e.Text
	}
	return e.Subject + ": " + e.Text
}

func location(e model.Evidence) *sarif.Location {
	name := e.Subject
	if name == "" {
		name = e.Pointer
	}
	return sarif.NewLocation().AddLogicalLocation(
		sarif.NewLogicalLocation().WithName(clean(name)).WithFullyQualifiedName(clean(e.Pointer)).WithKind("resource"))
}

// fingerprint rests on what a thing is called, not on its place in the snapshot, which moves when another container
// starts. Evidence about the same subject is numbered in its order; without a subject the pointer stands in.
func fingerprint(check string, e model.Evidence, seen map[string]int) string {
	subject := e.Subject
	if subject == "" {
		subject = e.Pointer
	}
	n := seen[subject]
	seen[subject]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", check, subject, n))
	return hex.EncodeToString(sum[:16])
}

func level(c model.CheckResult) string {
	switch c.Severity {
	case model.Critical, model.High:
		return sarif.LevelError
	case model.Medium:
		return sarif.LevelWarning
	}
	return sarif.LevelNote
}

// score is the number by which code hosts rank security results.
func score(s model.Severity) string {
	switch s {
	case model.Critical:
		return "9.5"
	case model.High:
		return "8.0"
	case model.Medium:
		return "5.5"
	}
	return "3.0"
}

// ruleName turns "8.1.c/socket-mode" into the identifier that SARIF asks for, "SocketMode".
func ruleName(id string) string {
	_, name, _ := strings.Cut(id, "/")
	var b strings.Builder
	for part := range strings.SplitSeq(name, "-") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

func bothTexts(text, markdown string) *sarif.MultiformatMessageString {
	m := sarif.NewMultiformatMessageString().WithText(text)
	if markdown != "" {
		m.WithMarkdown(markdown)
	}
	return m
}

func help(r model.RequirementResult, c model.CheckResult, cat *catalogue.Catalogue) *sarif.MultiformatMessageString {
	type part struct{ title, text string }
	parts := []part{{"", c.Title}}
	if cat != nil {
		if q, ok := cat.Requirement(r.ID); ok {
			parts = append(parts, part{word("en", "asks"), q.Asks.EN}, part{word("en", "why"), q.Why.EN})
		}
	}
	parts = append(parts, part{word("en", "todo"), c.Remediation}, part{word("en", "references"), strings.Join(c.References, "; ")})
	var text, md []string
	for _, p := range parts {
		switch {
		case p.text == "":
		case p.title == "":
			text, md = append(text, p.text), append(md, "# "+p.text)
		default:
			text, md = append(text, p.title+": "+p.text), append(md, "## "+p.title+"\n\n"+p.text)
		}
	}
	return bothTexts(strings.Join(text, "\n\n"), strings.Join(md, "\n\n"))
}
