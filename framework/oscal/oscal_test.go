package oscal_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/framework/oscal"
	"github.com/bulkhead-security/bulkhead/model"
)

var langs = []string{"en", "zh"}

func TestCatalog(t *testing.T) {
	cat := load(t)
	for _, lang := range langs {
		out := render(t, "catalog", func(w io.Writer) error { return oscal.WriteCatalog(w, cat, oscal.Meta{Lang: lang}) })
		var d struct {
			Catalog struct{ Groups []group }
		}
		parse(t, out, &d)
		labels := map[string]string{}
		for _, g := range d.Catalog.Groups {
			g.collect(labels)
		}
		if len(labels) != 29 {
			t.Errorf("%s: %d controls, want 29", lang, len(labels))
		}
		for _, r := range cat.Requirements {
			if labels["x1643-"+r.ID] != r.Title.In(lang) {
				t.Errorf("%s: control of %s has the title %q", lang, r.ID, labels["x1643-"+r.ID])
			}
		}
	}
}

type group struct {
	ID       string
	Groups   []group
	Controls []struct{ ID, Title string }
}

func (g group) collect(titles map[string]string) {
	for _, c := range g.Controls {
		titles[c.ID] = c.Title
	}
	for _, inner := range g.Groups {
		inner.collect(titles)
	}
}

func TestComponentDefinition(t *testing.T) {
	checks := []assess.Check{
		{
			ID: "8.1.c/socket-mode", Title: model.Text{EN: "mode", ZH: "权限"}, Severity: model.High, Essential: true,
			References: []string{"CIS Docker 1.6.0 3.15"},
		},
		{ID: "8.1.c/tcp", Title: model.Text{EN: "tcp", ZH: "监听"}, Severity: model.Critical},
		{ID: "8.6.2.a.1/shared", Title: model.Text{EN: "shared", ZH: "共用"}, Severity: model.Low},
	}
	cat := load(t)
	for _, lang := range langs {
		out := render(t, "component", func(w io.Writer) error {
			return oscal.WriteComponentDefinition(w, cat, checks, oscal.Meta{Lang: lang, Product: "1.2.3"})
		})
		for _, want := range []string{"8.1.c/socket-mode", "x1643-8.6.2.a.1_shared", "CIS Docker 1.6.0 3.15", `"version": "1.2.3"`} {
			if !bytes.Contains(out, []byte(want)) {
				t.Errorf("%s: %q is missing", lang, want)
			}
		}
		if n := bytes.Count(out, []byte(`"control-id"`)); n != 2 {
			t.Errorf("%s: %d requirements, want the 2 that have checks", lang, n)
		}
	}
	render(t, "component", func(w io.Writer) error { return oscal.WriteComponentDefinition(w, cat, assess.Checks(), oscal.Meta{}) })
	render(t, "component", func(w io.Writer) error { return oscal.WriteComponentDefinition(w, cat, nil, oscal.Meta{}) })
}

// results is what the tests read back of assessment results.
type results struct {
	AR struct {
		Results []struct {
			Observations []struct {
				UUID     string
				Evidence []struct {
					Description string
					Props       []struct{ Name, Value string }
				} `json:"relevant-evidence"`
			}
			Risks []struct {
				UUID, Status, Deadline string
				Remediations           []struct{ Description string }
			}
			Findings []struct {
				Title  string
				Target struct {
					TargetID string `json:"target-id"`
					Status   struct{ State, Reason string }
				}
				Observations []struct {
					UUID string `json:"observation-uuid"`
				} `json:"related-observations"`
				Risks []struct {
					UUID string `json:"risk-uuid"`
				} `json:"related-risks"`
			}
		}
	} `json:"assessment-results"`
}

func TestAssessmentResults(t *testing.T) {
	a := sample()
	for _, lang := range langs {
		out := render(t, "assessment-results", func(w io.Writer) error {
			return oscal.WriteAssessmentResults(w, a, oscal.Meta{Lang: lang, Product: "1.0.0"})
		})
		var d results
		parse(t, out, &d)
		r := d.AR.Results[0]
		want := map[string][2]string{
			"x1643-8.1.a_obj": {"satisfied", "pass"}, "x1643-8.1.b_obj": {"not-satisfied", "fail"},
			"x1643-8.1.c_obj": {"not-satisfied", "fail"}, "x1643-8.5.f_obj": {"satisfied", "other"},
			"x1643-8.2.a_obj": {"not-satisfied", "other"},
		}
		if len(r.Findings) != len(want) {
			t.Fatalf("%s: %d findings, want %d", lang, len(r.Findings), len(want))
		}
		var observed []string
		for _, o := range r.Observations {
			observed = append(observed, o.UUID)
		}
		for _, f := range r.Findings {
			if got := [2]string{f.Target.Status.State, f.Target.Status.Reason}; got != want[f.Target.TargetID] {
				t.Errorf("%s: %s is %v, want %v", lang, f.Target.TargetID, got, want[f.Target.TargetID])
			}
			for _, o := range f.Observations {
				if !slices.Contains(observed, o.UUID) {
					t.Errorf("%s: %s relates to an observation that is not there", lang, f.Title)
				}
			}
		}
		if len(r.Risks) != 2 || r.Risks[0].Status != "open" || r.Risks[1].Status != "deviation-approved" ||
			r.Risks[1].Deadline != "2027-01-31T23:59:59Z" {
			t.Errorf("%s: risks are %+v", lang, r.Risks)
		}
		if got := r.Risks[0].Remediations[0].Description; got != map[string]string{"en": "chmod 0660\n/run/docker.sock", "zh": "修改权限"}[lang] {
			t.Errorf("%s: the remediation reads %q", lang, got)
		}
		if last := r.Observations[len(r.Observations)-1]; len(last.Evidence) != 2 || last.Evidence[0].Props[0].Value != "/host/packages" {
			t.Errorf("%s: gaps are %+v", lang, last)
		}
	}
}

func TestSameInputSameBytes(t *testing.T) {
	write := func(a *model.Assessment) string {
		var b bytes.Buffer
		if err := oscal.WriteAssessmentResults(&b, a, oscal.Meta{}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if first, second := write(sample()), write(sample()); first != second {
		t.Error("two runs differ")
	}
	other := sample()
	other.Node.ID = "another"
	var one, two results
	parse(t, []byte(write(sample())), &one)
	parse(t, []byte(write(other)), &two)
	if one.AR.Results[0].Risks[0].UUID == two.AR.Results[0].Risks[0].UUID {
		t.Error("two nodes share identifiers")
	}
}

func TestEmptyAssessmentIsValid(t *testing.T) {
	a := &model.Assessment{Time: time.Unix(0, 0), Requirements: []model.RequirementResult{{ID: "8.1.a", Status: model.Unknown, Keyword: model.Shall}}}
	render(t, "assessment-results", func(w io.Writer) error { return oscal.WriteAssessmentResults(w, a, oscal.Meta{}) })
}

// TestSchemaBites shows that the validation is one: a document that misses what OSCAL demands is refused.
func TestSchemaBites(t *testing.T) {
	for _, kind := range []string{"catalog", "component", "assessment-results"} {
		root := strings.Replace(kind, "component", "component-definition", 1)
		if schema(t, kind).Validate(map[string]any{root: map[string]any{"uuid": "x"}}) == nil {
			t.Errorf("the schema of %s accepts anything", kind)
		}
	}
}

type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrorIsTold(t *testing.T) {
	if err := oscal.WriteCatalog(full{}, load(t), oscal.Meta{}); !errors.Is(err, errFull) {
		t.Errorf("error is %v", err)
	}
}

func sample() *model.Assessment {
	exception := &model.Exception{Check: "8.1.c/tcp", Owner: "ops", Reason: "moves in January", Expires: "2027-01-31"}
	failed := model.CheckResult{
		ID: "8.1.c/socket-mode", Status: model.CheckFail, Severity: model.High, Essential: true, Title: "mode", TitleZH: "权限",
		References: []string{"CIS Docker 1.6.0 3.15"}, Remediation: "chmod 0660\n/run/docker.sock", RemediationZH: "修改权限",
		Evidence: []model.Evidence{{
			Pointer: "/engine/sockets/0", Subject: " /run/docker\n.sock", Status: model.CheckFail,
			Text: "anyone may write", TextZH: "任何人可写",
		}},
	}
	excepted := model.CheckResult{
		ID: "8.1.c/tcp", Status: model.CheckFail, Severity: model.Critical, Title: "tcp", TitleZH: "监听",
		Evidence: []model.Evidence{{Pointer: "/engine/tcp/0", Status: model.CheckFail, Text: "clear", TextZH: "明文", Exception: exception}},
	}
	req := func(id string, s model.Status, checks ...model.CheckResult) model.RequirementResult {
		return model.RequirementResult{ID: id, Keyword: model.ShallNot, Status: s, Title: "t", TitleZH: "标题", Reason: "r", ReasonZH: "原因", Checks: checks}
	}
	return &model.Assessment{
		Schema: model.AssessmentSchema, Node: model.Node{Name: "node-1", ID: "abc"},
		Time: time.Date(2026, 11, 22, 10, 0, 0, 0, time.FixedZone("", 8*3600)),
		Requirements: []model.RequirementResult{
			req("8.1.a", model.Met), req("8.1.b", model.PartlyMet), req("8.1.c", model.NotMet, failed, excepted),
			req("8.2.a", model.Unknown), req("8.5.f", model.NotApplicable),
		},
		Gaps: []model.Gap{{Path: "/swarm", Reason: model.GapAbsent}, {Path: "/host/packages", Reason: model.GapPermission, Remedy: "run as root"}},
	}
}

func load(t *testing.T) *catalogue.Catalogue {
	t.Helper()
	cat, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

func parse(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// render makes the document, validates its bytes against NIST's schema and returns them.
func render(t *testing.T, kind string, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema(t, kind).Validate(value); err != nil {
		t.Errorf("%s is not valid OSCAL %s: %v", kind, oscal.Version, err)
	}
	return b.Bytes()
}

func schema(t *testing.T, kind string) *jsonschema.Schema {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "test", "fixtures", "oscal-1.2.1", "oscal_"+kind+"_schema.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(z)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("oscal.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("oscal.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
