package api

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// FuzzWindow: whatever is written, it is a window that begins some day, or refused as invalid.
func FuzzWindow(f *testing.F) {
	for _, s := range [][2]string{
		{"0 2 * * 6", "Europe/Berlin"},
		{"*/5 1-3,7 1 JAN MON", ""},
		{"TZ=x", "UTC"},
		{"CRON_TZ=UTC 0 2 * * *", ""},
		{"@every 1h", ""},
		{"0 2 31 2 *", ""},
		{"? ? ? ? ?", "Local"},
		{"1-0 * * * *", "/etc"},
		{"99999999999999999999 * * * *", ""},
		{"*/0 * * * *", ""},
	} {
		f.Add(s[0], s[1])
	}
	now := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, begins, zone string) {
		if len(begins) > 100 || len(zone) > 64 {
			return // the schema's bounds
		}
		w, err := windowIn("w", &bulkheadv1.Window{Begins: begins, Zone: zone, Lasts: durationpb.New(time.Hour)}, now)
		if err != nil {
			if model.CodeOf(err) != model.CodeInvalid {
				t.Fatal(err)
			}
			return
		}
		s, err := parseCron(w.Begins)
		if err != nil || !s.Next(now).After(now) {
			t.Fatalf("%q was taken and never begins: %v", begins, err)
		}
	})
}
