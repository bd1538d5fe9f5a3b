package judge_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

// given are facts of the workload that the call carries.
type given struct{ plain }

func (given) Facts(_ context.Context, a *call.Ask) (map[string]any, error) {
	return workload.Facts(a.Workload, workload.Extra{Tenant: "acme"}), nil
}

// What a refusal says to the caller, and what observing says that enforcing would, is in the record under the same names.
func TestRecordNamesTheRules(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	said := map[judge.Mode]model.Record{}
	var no *call.Refusal
	for _, mode := range []judge.Mode{judge.Enforce, judge.Observe} {
		l := &log{}
		j := judge.New(judge.Parts{Decider: e, Log: l, Workloads: given{}, Tenant: "acme", Host: "h1", Profile: "baseline", Mode: mode})
		a := ask(t, dev("dev"), "POST", "/containers/create?name=web")
		a.Object = &call.Object{Kind: route.Container, Name: "web", New: true}
		a.Workload = &model.Workload{Privileged: true, HostNamespaces: []string{"pid"}}
		err := j.Judge(t.Context(), a)
		if (mode == judge.Enforce) != errors.As(err, &no) || mode == judge.Observe && (err != nil || a.Recorded() != nil) {
			t.Fatal(mode, err)
		}
		if mode == judge.Observe && (len(a.Warnings) != 1 || !strings.HasSuffix(a.Warnings[0], "(profile_baseline/privileged)")) {
			t.Error(a.Warnings)
		}
		said[mode] = l.records[0]
	}
	refused, observed := said[judge.Enforce], said[judge.Observe]
	if no.Rule == "" || refused.Outcome != model.OutcomeRefused || refused.Changes[call.SaidRule] != no.Rule || refused.Changes[call.SaidRemedy] != no.Remedy {
		t.Errorf("%v is not what the record says: %v", no, refused.Changes)
	}
	if !slices.Contains(call.SplitNames(no.Rule), "profile_baseline/host-namespaces") {
		t.Error(no.Rule)
	}
	if observed.Outcome != model.OutcomeAllowed || observed.Changes[call.SaidWould] != no.Rule || observed.Changes[call.SaidRemedy] != no.Remedy ||
		observed.Changes[call.SaidWouldWhy] != no.Why {
		t.Errorf("observing says something else than enforcing: %v", observed.Changes)
	}
	if observed.Changes[call.SaidRule] != "" || refused.Changes[call.SaidWould] != "" {
		t.Error(observed.Changes, refused.Changes)
	}
}

func TestRecordSaysWhatIsMissing(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := &log{}
	j := judge.New(judge.Parts{Decider: e, Log: l, Workloads: plain{}, Tenant: "acme", Host: "h1", FourEyes: []string{"ContainerStop"}})
	a := ask(t, dev("dev"), "POST", "/containers/c1/stop")
	a.Object = of(route.Container, "c1", "acme", "dev")
	if err := j.Judge(t.Context(), a); err == nil {
		t.Fatal("one person is enough")
	}
	said := l.records[0].Changes
	if said[call.SaidNeeds] != string(model.NeedApproval) || !strings.Contains(said[call.SaidRemedy], "bulkhead access request") {
		t.Error(said)
	}
	if err := j.Failed(t.Context(), a, "gone"); err != nil || l.records[1].Changes[call.SaidCall] != "POST /containers/{name}/stop" {
		t.Error(err, l.records[1].Changes)
	}
}

// Values of the audit log have a bound, behind which only a digest is left: what was cut can still be read.
func TestWhatIsSaidFitsTheLog(t *testing.T) {
	names := make([]string, 200)
	for i := range names {
		names[i] = "profile_baseline/" + strings.Repeat("x", i%30)
	}
	for _, s := range []string{call.JoinNames(names), call.Said(strings.Repeat("é", 5000))} {
		if len(s) > 1024 || !strings.HasSuffix(s, "…") {
			t.Error(len(s), s)
		}
	}
	if got := call.SplitNames(call.JoinNames(names)); len(got) < 20 || !slices.Equal(got, names[:len(got)]) {
		t.Errorf("not the names that there was room for: %q", got)
	}
	if got := call.SplitNames(call.JoinNames([]string{strings.Repeat("x", 5000)})); len(got) > 0 {
		t.Errorf("%q", got)
	}
	if got := call.SplitNames(call.JoinNames(names[:3])); !slices.Equal(got, names[:3]) || call.SplitNames("") != nil {
		t.Error(got)
	}
}

// Profiles decide about what runs, and the list names that as records do.
func TestProfiled(t *testing.T) {
	p := judge.Profiled()
	for _, a := range []string{"ContainerCreate", "ContainerExec", "ImageBuild", "ServiceUpdate", "VolumeCreate"} {
		if !slices.Contains(p, a) {
			t.Errorf("%s is not in %v", a, p)
		}
	}
	if slices.Contains(p, "ContainerRead") || !slices.IsSorted(p) {
		t.Error(p)
	}
}
