package audit

import (
	"errors"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestScan(t *testing.T) {
	m := makeLog(t)
	want := m.entries(t)
	var got []model.LogRecord
	if err := Scan(t.Context(), m.dir, uint64(len(want)), func(r model.LogRecord) error {
		got = append(got, r)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d of %d", len(got), len(want))
	}
	for i, r := range got {
		if r.Index != uint64(i) || string(r.Event) != string(want[i]) || r.Record.Action == "" {
			t.Fatalf("%d: %+v", i, r)
		}
	}
	enough := errors.New("enough")
	if err := Scan(t.Context(), m.dir, uint64(len(want)), func(model.LogRecord) error { return enough }); !errors.Is(err, enough) {
		t.Error(err)
	}
	if err := Scan(t.Context(), t.TempDir(), 3, func(model.LogRecord) error { return nil }); err == nil {
		t.Error("an empty directory has records")
	}
}
