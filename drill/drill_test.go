package drill

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/drill/ground"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func TestJudge(t *testing.T) {
	ok, bad := model.AttackSucceeded, model.AttackFailed
	for _, c := range []struct {
		name          string
		without, with outcome
		want          model.Verdict
		why           string
	}{
		{"proved", outcome{ok, false, ""}, outcome{bad, true, ""}, model.VerdictProved, "recorded"},
		{"not recorded", outcome{ok, false, ""}, outcome{bad, false, ""}, model.VerdictNotProved, "audit log"},
		{"came through", outcome{ok, false, ""}, outcome{ok, true, ""}, model.VerdictNotProved, "control was on"},
		{"proves nothing", outcome{bad, false, ""}, outcome{bad, true, ""}, model.VerdictNotProved, "proves nothing"},
	} {
		got, why := judge(Drill{Action: "UserRead"}, c.without, c.with)
		if got != c.want || !strings.Contains(why, c.why) {
			t.Errorf("%s: %s, %s", c.name, got, why)
		}
	}
}

// TestJudgeOutage says what was seen in both halves, whatever the verdict.
func TestJudgeOutage(t *testing.T) {
	ok, bad := model.AttackSucceeded, model.AttackFailed
	d := Drill{Control: ControlStandby, Outage: lostPrimary}
	for _, c := range []struct {
		without, with outcome
		want          model.Verdict
		why           string
	}{
		{outcome{ok, false, "all is lost"}, outcome{bad, true, "back after 1 s"}, model.VerdictProved, "is recorded"},
		{outcome{ok, false, "all is lost"}, outcome{bad, false, "back after 1 s"}, model.VerdictNotProved, "can't be seen"},
		{outcome{ok, false, "all is lost"}, outcome{ok, false, "back after 1 s"}, model.VerdictNotProved, "control was on"},
		{outcome{bad, false, "all is lost"}, outcome{bad, true, "back after 1 s"}, model.VerdictNotProved, "proves nothing"},
	} {
		got, why := judge(d, c.without, c.with)
		if got != c.want || !strings.Contains(why, c.why) || !strings.HasSuffix(why, "Without standby: all is lost. With it: back after 1 s") {
			t.Errorf("%s: %s", got, why)
		}
	}
}

// TestOutageCannotRun has no room for a server, and leaves nothing behind.
func TestOutageCannotRun(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, d := range outages() {
		for _, r := range Run(t.Context(), broken{errors.New("no room")}, []Drill{d}, nil).Results {
			if r.Verdict != model.VerdictCannotRun || r.WithoutControl != model.AttackNotRun || r.Why == "" {
				t.Errorf("%+v", r)
			}
		}
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestLostUnlessAllIsBack takes one thing that did not come back for a loss.
func TestLostUnlessAllIsBack(t *testing.T) {
	one, two := back{what: "one", after: 1500 * time.Millisecond}, back{what: "two", err: errors.New("no")}
	if h := judged([]back{one}); h.Lost || h.Seen != "one after 1.5 s" {
		t.Errorf("%+v", h)
	}
	if h := judged([]back{one, two}); !h.Lost || h.Seen != "one after 1.5 s; not within 15s: two" {
		t.Errorf("%+v", h)
	}
}

// one says whether exactly one is true.
func one(list ...bool) bool {
	n := 0
	for _, is := range list {
		if is {
			n++
		}
	}
	return n == 1
}

func TestEveryDrillIsWhole(t *testing.T) {
	seen := map[string]bool{}
	count := map[string]int{}
	for _, d := range All() {
		if seen[d.ID] {
			t.Errorf("%s is there twice", d.ID)
		}
		seen[d.ID] = true
		count[d.Requirement]++
		if !strings.HasPrefix(d.ID, d.Requirement+"/") || d.Title == "" || d.Technique == "" || len(d.Threats) == 0 ||
			d.Needs == nil || d.Control == ControlNone || !one(d.Action != "" && d.Attack != nil, d.Outage != nil, d.Door != nil) {
			t.Errorf("%s lacks something: %+v", d.ID, d.Drill)
		}
	}
	if count["8.5.b"] < 3 || count["8.5.c"] < 5 || count["8.5.d"] < 4 || count["8.1.c"] < 45 {
		t.Errorf("too few drills: %v", count)
	}
}

func TestPick(t *testing.T) {
	all := All()
	one, err := Pick(all, []string{all[2].ID}, "")
	if err != nil || len(one) != 1 || one[0].ID != all[2].ID {
		t.Errorf("by id: %v, %v", one, err)
	}
	if _, err := Pick(all, []string{"8.5.c/none"}, ""); err == nil {
		t.Error("an unknown drill was picked")
	}
	some, err := Pick(all, nil, "8.5.d")
	if err != nil || len(some) != len(factors()) {
		t.Errorf("by requirement: %d, %v", len(some), err)
	}
	if every, err := Pick(all, nil, ""); err != nil || len(every) != len(all) {
		t.Errorf("all: %d, %v", len(every), err)
	}
}

// TestOnlyTheRightRefusalCounts shows attacks that failed for another reason than the control.
func TestOnlyTheRightRefusalCounts(t *testing.T) {
	answer := func(code connect.Code, detail string) error {
		e := connect.NewError(code, errors.New("no"))
		if detail != "" {
			d, err := connect.NewErrorDetail(&bulkheadv1.ErrorDetail{Code: detail})
			if err != nil {
				t.Fatal(err)
			}
			e.AddDetail(d)
		}
		return e
	}
	if through, err := refused(nil, model.CodeDenied); !through || err != nil {
		t.Errorf("what came through: %v, %v", through, err)
	}
	if through, err := refused(answer(connect.CodePermissionDenied, "denied"), model.CodeDenied); through || err != nil {
		t.Errorf("what was refused: %v, %v", through, err)
	}
	for name, err := range map[string]error{
		"a malformed attack":   answer(connect.CodeInvalidArgument, "invalid"),
		"another control":      answer(connect.CodePermissionDenied, "factor_required"),
		"no detail":            answer(connect.CodePermissionDenied, ""),
		"a server that is ill": answer(connect.CodeInternal, "internal"),
		"no answer":            errors.New("connection reset"),
	} {
		if through, got := refused(err, model.CodeDenied); through || !errors.Is(got, err) {
			t.Errorf("%s: %v, %v", name, through, got)
		}
	}
}

type broken struct{ err error }

func (b broken) Launch(context.Context, Control) (*Plane, error) { return nil, b.err }

func (b broken) Replica(context.Context, Replica) (*Plane, error) { return nil, b.err }

func (b broken) Ground(context.Context) (*ground.Engine, error) { return nil, b.err }

func (broken) Free(*ground.Engine) {}

func (b broken) Guard(context.Context, *ground.Engine, GuardOptions) (*Guard, error) {
	return nil, b.err
}

func (b broken) Lock(context.Context, *ground.Engine) (*Lock, error) { return nil, b.err }

func TestWhatCannotRunSaysWhy(t *testing.T) {
	var told []string
	r := Run(t.Context(), broken{errors.New("no room")}, rights()[:1], func(r model.DrillResult, done, all int) { told = append(told, r.ID) })
	r.Results[0].DurationMS = 0
	want := model.DrillReport{Schema: model.DrillSchema, Results: []model.DrillResult{{
		ID: rights()[0].ID, WithoutControl: model.AttackNotRun, WithControl: model.AttackNotRun, Verdict: model.VerdictCannotRun,
		Why: `with the control "authorization" off: start a throw-away control plane: no room`,
	}}}
	if d := cmp.Diff(want, r); d != "" {
		t.Error(d)
	}
	if len(told) != 1 {
		t.Errorf("told %v", told)
	}
}

func TestCodesAreNeverUsedTwice(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	w := &World{plane: &Plane{Now: func() time.Time { return now }, Advance: func(d time.Duration) { now = now.Add(d) }}}
	p := &person{totp: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}
	seen := map[string]bool{}
	for range 5 {
		code, err := w.code(p)
		if err != nil || seen[code] {
			t.Fatalf("code %q, %v", code, err)
		}
		seen[code] = true
	}
}

func TestEveryDrillIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/drills.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range All() {
		if !strings.Contains(string(doc), "| `"+d.ID+"` | ") {
			t.Errorf("docs/drills.md has no line for %s", d.ID)
		}
	}
}
