package model_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestSnapshotRoundTrip(t *testing.T) {
	s := &model.Snapshot{
		Schema: model.SnapshotSchema, Node: model.Node{Name: "n<1>"},
		Taken:      time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Containers: []model.Container{{ID: "a", Name: "web", State: "running"}},
	}
	var first, second bytes.Buffer
	if err := model.EncodeSnapshot(&first, s); err != nil {
		t.Fatal(err)
	}
	back, err := model.DecodeSnapshot(bytes.NewReader(first.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := model.EncodeSnapshot(&second, back); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() {
		t.Errorf("not the same after a round trip:\n%s\n%s", &first, &second)
	}
}

func TestDecodeSnapshotRefuses(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"empty":         {``, "cut short or empty"},
		"cut":           {`{"schema":"bulkhead.snapshot/v1","node":{"na`, "cut short"},
		"garbage":       {`not json`, "no valid JSON"},
		"other":         {`{"schema":"bulkhead.assessment/v1"}`, "expected"},
		"no schema":     {`{}`, "no \"schema\""},
		"future":        {`{"schema":"bulkhead.snapshot/v9"}`, "version v9"},
		"future fields": {`{"schema":"bulkhead.snapshot/v2","warp":1}`, "version v2"},
		"unknown field": {`{"schema":"bulkhead.snapshot/v1","warp":1}`, "warp"},
		"wrong type":    {`{"schema":"bulkhead.snapshot/v1","containers":{}}`, "containers"},
		"trailing":      {`{"schema":"bulkhead.snapshot/v1"} {}`, "followed by more data"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := model.DecodeSnapshot(strings.NewReader(c.in))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// What a node sends may have more than this version knows, and nothing else that is refused of a file.
func TestUnmarshalSnapshot(t *testing.T) {
	if s, err := model.UnmarshalSnapshot([]byte(`{"schema":"bulkhead.snapshot/v1","warp":1,"node":{"name":"n","warp":1}}`)); err != nil || s.Node.Name != "n" {
		t.Errorf("%+v, %v", s, err)
	}
	for in, want := range map[string]string{
		``: "no valid JSON", `{"schema":"bulkhead.snapshot/v1"`: "no valid JSON", `not json`: "no valid JSON", `{}`: "no \"schema\"",
		`{"schema":"bulkhead.snapshot/v9"}`: "version v9", `{"schema":"bulkhead.snapshot/v1","containers":{}}`: "containers",
		`{"schema":"bulkhead.snapshot/v1"} {}`: "no valid JSON",
	} {
		if _, err := model.UnmarshalSnapshot([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", in, err, want)
		}
	}
}

func FuzzDecodeSnapshot(f *testing.F) {
	f.Add([]byte(`{"schema":"bulkhead.snapshot/v1","taken":"2026-01-02T03:04:05Z","gaps":[{"path":"/host"}]}`))
	f.Add([]byte(`{"schema":"bulkhead.snapshot/v1","containers":[{"id":"a","workload":{"mounts":[{}]}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := model.DecodeSnapshot(bytes.NewReader(b))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := model.EncodeSnapshot(&out, s); err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		if _, err := model.DecodeSnapshot(&out); err != nil {
			t.Fatalf("written but not read: %v", err)
		}
	})
}
