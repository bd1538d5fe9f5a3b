package rollout_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/rollout"
	"github.com/bulkhead-security/bulkhead/model"
)

func at(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNextWindow(t *testing.T) {
	berlin := model.Window{Begins: "30 2 * * *", Lasts: time.Hour, Zone: "Europe/Berlin"}
	for name, k := range map[string]struct {
		w         model.Window
		now, want string
	}{
		"later in the week":   {model.Window{Begins: "0 2 * * 6", Lasts: time.Hour}, "2026-03-03T12:00:00Z", "2026-03-07T02:00:00Z"},
		"it begins just now":  {model.Window{Begins: "0 2 * * 6", Lasts: time.Hour}, "2026-03-07T02:00:00Z", "2026-03-14T02:00:00Z"},
		"winter":              {berlin, "2026-02-01T00:00:00Z", "2026-02-01T01:30:00Z"},
		"summer":              {berlin, "2026-07-01T00:00:00Z", "2026-07-01T00:30:00Z"},
		"set forward over it": {berlin, "2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z"},
		"every minute":        {model.Window{Begins: "* * * * *", Lasts: time.Hour}, "2026-03-02T00:30:10Z", "2026-03-02T00:31:00Z"},
	} {
		if got := rollout.NextWindow(k.w, at(t, k.now)); !got.Equal(at(t, k.want)) {
			t.Errorf("%s: it begins at %s, not %s", name, got.UTC(), k.want)
		}
	}
	for name, w := range map[string]model.Window{
		"a day that never is": {Begins: "0 0 30 2 *", Lasts: time.Hour}, "not understood": {Begins: "* * *", Lasts: time.Hour},
	} {
		if got := rollout.NextWindow(w, at(t, "2026-03-02T00:30:00Z")); !got.IsZero() {
			t.Errorf("%s begins at %s", name, got)
		}
	}
}

func TestOpen(t *testing.T) {
	saturday := model.Window{Begins: "0 2 * * 6", Lasts: 2 * time.Hour}
	berlin := model.Window{Begins: "30 2 * * *", Lasts: 45 * time.Minute, Zone: "Europe/Berlin"}
	for name, k := range map[string]struct {
		w    model.Window
		now  string
		want bool
	}{
		"before":                {saturday, "2026-03-07T01:59:59Z", false},
		"begins":                {saturday, "2026-03-07T02:00:00Z", true},
		"in it":                 {saturday, "2026-03-07T03:59:59Z", true},
		"over":                  {saturday, "2026-03-07T04:00:00Z", false},
		"another day":           {saturday, "2026-03-08T03:00:00Z", false},
		"over midnight":         {model.Window{Begins: "0 23 * * *", Lasts: 2 * time.Hour}, "2026-03-08T00:30:00Z", true},
		"a week long":           {model.Window{Begins: "0 0 * * 1", Lasts: 7 * 24 * time.Hour}, "2026-03-08T23:59:59Z", true},
		"every minute":          {model.Window{Begins: "* * * * *", Lasts: 7 * 24 * time.Hour}, "2026-03-08T23:59:59Z", true},
		"winter":                {berlin, "2026-02-01T01:30:00Z", true},
		"winter, before":        {berlin, "2026-02-01T01:29:59Z", false},
		"summer":                {berlin, "2026-07-01T00:30:00Z", true},
		"summer, as in winter":  {berlin, "2026-07-01T01:30:00Z", false},
		"set forward over it":   {berlin, "2026-03-29T01:30:00Z", true}, // 02:30 is not, 03:30 in summer is
		"set forward, before":   {berlin, "2026-03-29T00:59:59Z", false},
		"set forward, over":     {berlin, "2026-03-29T02:15:00Z", false},
		"set back, first":       {berlin, "2026-10-25T00:30:00Z", true},
		"set back, second":      {berlin, "2026-10-25T01:30:00Z", false},
		"a day that never is":   {model.Window{Begins: "0 0 30 2 *", Lasts: time.Hour}, "2026-03-02T00:30:00Z", false},
		"can't be understood":   {model.Window{Begins: "* * *", Lasts: time.Hour}, "2026-03-02T00:30:00Z", false},
		"a zone that is not":    {model.Window{Begins: "* * * * *", Lasts: time.Hour, Zone: "Mars/Base"}, "2026-03-02T00:30:00Z", false},
		"no length":             {model.Window{Begins: "* * * * *"}, "2026-03-02T00:30:00Z", false},
		"a zone in the fields":  {model.Window{Begins: "TZ=UTC * * * * *", Lasts: time.Hour}, "2026-03-02T00:30:00Z", false},
		"a shorthand":           {model.Window{Begins: "@every 1m", Lasts: time.Hour}, "2026-03-02T00:30:00Z", false},
		"fractions of a second": {model.Window{Begins: "0 0 * * *", Lasts: time.Minute}, "2026-03-02T00:00:59.999Z", true},
	} {
		if got := rollout.Open([]model.Window{k.w}, at(t, k.now)); got != k.want {
			t.Errorf("%s: open is %v at %s", name, got, k.now)
		}
	}
	now := at(t, "2026-03-07T03:00:00Z")
	if !rollout.Open([]model.Window{{Begins: "x"}, berlin, saturday}, now) {
		t.Error("one of several is open")
	}
	if rollout.Open(nil, now) || !rollout.MayWork(nil, now) || rollout.MayWork([]model.Window{berlin}, now) {
		t.Error("without windows none is open, and work may be done always; with windows in them only")
	}
}

// Through the months in which clocks are set, every day's window is open for as long as it lasts: not an hour less or more because clocks are set.
func TestEveryDayHasItsWindow(t *testing.T) {
	for _, zone := range []string{"", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"} {
		r := rand.New(rand.NewPCG(5, 5))
		for _, from := range []time.Time{at(t, "2026-03-01T12:00:00Z"), at(t, "2026-09-25T12:00:00Z")} {
			hour, lasts := r.IntN(5), time.Duration(1+r.IntN(6))*15*time.Minute
			w := []model.Window{{Begins: "30 " + string(rune('0'+hour)) + " * * *", Lasts: lasts, Zone: zone}}
			const days = 45
			open := 0
			for now := from; now.Before(from.AddDate(0, 0, days)); now = now.Add(15 * time.Minute) {
				if rollout.Open(w, now) {
					open++
				}
			}
			if want := days * int(lasts/(15*time.Minute)); open != want {
				t.Errorf("%q at %d:30 for %s: open for %d quarters of an hour, want %d", zone, hour, lasts, open, want)
			}
		}
	}
}

func FuzzCheckWindow(f *testing.F) {
	f.Add("0 2 * * 6", "", int64(time.Hour))
	f.Add("*/5 0-4 1,15 * MON-FRI", "Europe/Berlin", int64(time.Minute))
	f.Add("TZ=", "UTC", int64(time.Hour))
	f.Add("@every", "Local", int64(-1))
	f.Fuzz(func(t *testing.T, begins, zone string, lasts int64) {
		w := model.Window{Begins: begins, Zone: zone, Lasts: time.Duration(lasts)}
		err := rollout.CheckWindow(w)
		open := rollout.Open([]model.Window{w}, at(t, "2026-03-07T03:00:00Z"))
		if err != nil && open {
			t.Fatalf("a window that is refused (%v) is open", err)
		}
	})
}
