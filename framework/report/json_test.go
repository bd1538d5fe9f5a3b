package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestJSONGolden also makes the input of the other golden tests.
func TestJSONGolden(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, sampleAssessment(t)); err != nil {
		t.Fatal(err)
	}
	golden(t, "assessment.json", b.Bytes())
	if strings.ContainsAny(b.String(), "\x1b\x07\u202e") {
		t.Error("the JSON holds characters that a terminal obeys")
	}
	back, err := ReadAssessment(&b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sampleAssessment(t), back); d != "" {
		t.Errorf("not the same after reading back: %s", d)
	}
}

func TestJSONHasNoNullLists(t *testing.T) {
	a := &model.Assessment{Requirements: []model.RequirementResult{{ID: "8.1.a", Checks: []model.CheckResult{{ID: "8.1.a/x"}}}, {ID: "8.1.b"}}}
	for _, in := range []*model.Assessment{{}, a} {
		var b bytes.Buffer
		if err := JSON(&b, in); err != nil {
			t.Fatal(err)
		}
		for _, list := range []string{`"requirements": null`, `"checks": null`, `"evidence": null`, `"references": null`, `"gaps": null`} {
			if list != `"checks": null` && strings.Contains(b.String(), list) || strings.Contains(b.String(), `      "checks": null`) {
				t.Errorf("%s in %s", list, b.String())
			}
		}
		if !strings.Contains(b.String(), `"schema": "bulkhead.assessment/v1"`) {
			t.Errorf("no schema in %s", b.String())
		}
	}
	if a.Requirements[1].Checks != nil {
		t.Error("JSON changed its input")
	}
}

func TestReadAssessmentRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"empty":          {"", "cut short or empty"},
		"cut short":      {`{"schema":"bulkhead.assessment/v1","requ`, "cut short"},
		"no json":        {"<html>", "no valid JSON at byte 1"},
		"another kind":   {`{"schema":"bulkhead.snapshot/v1"}`, `this is a "bulkhead.snapshot/v1"`},
		"future":         {`{"schema":"bulkhead.assessment/v2","new":1}`, "version \"v2\""},
		"no schema":      {`{}`, `no "schema" field`},
		"unknown field":  {`{"schema":"bulkhead.assessment/v1","bogus":1}`, "bogus"},
		"wrong type":     {`{"schema":"bulkhead.assessment/v1","requirements":{}}`, "not an assessment of version"},
		"list":           {`[]`, "not an assessment"},
		"trailing":       {`{"schema":"bulkhead.assessment/v1"} {}`, "followed by more data"},
		"unknown status": {`{"schema":"bulkhead.assessment/v1","requirements":[{"id":"8.1.a","status":"fine"}]}`, `unknown status "fine"`},
	} {
		_, err := ReadAssessment(strings.NewReader(tc.in))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

// endless gives spaces for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte{' '}, len(p))), nil }

func TestReadAssessmentIsBounded(t *testing.T) {
	_, err := ReadAssessment(endless{})
	if err == nil || !strings.Contains(err.Error(), "larger than 64 MiB") {
		t.Error(err)
	}
}

func FuzzReadAssessment(f *testing.F) {
	var b bytes.Buffer
	if err := JSON(&b, sampleAssessment(f)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes()[:4000])
	f.Add([]byte(`{"schema":"bulkhead.assessment/v1","requirements":[{"id":"8.1.a","status":"met","checks":[{"id":"\u001b","status":"fail","evidence":[{"exception":{}}]}]}],"gaps":[{}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		a, err := ReadAssessment(bytes.NewReader(in))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := JSON(&out, a); err != nil {
			t.Fatal(err)
		}
		if !json.Valid(out.Bytes()) {
			t.Fatalf("invalid JSON: %q", out.Bytes())
		}
		if _, err := ReadAssessment(&out); err != nil {
			t.Fatalf("does not read back: %v", err)
		}
		for _, err := range []error{Text(&out, a, nil, TextOptions{}), HTML(&out, a, nil, "zh"), SARIF(&out, a, nil)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestWriteJSONEscapesWhatCannotBeSeen(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSON(&b, map[string]string{"name": "a\u202eb\x1b[2J\U000e0001<>"}); err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"name\": \"a\\u202eb\\u001b[2J\\udb40\\udc01<>\"\n}\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
