// Package judged makes calls through the guard's judge with the shipped policies and writes them to a real audit log, for tests of what
// reads that log, in this process or on a control plane. There is no engine, and nothing is made; it is no part of the product.
package judged

import (
	"cmp"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/guard/sessions"
	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

// Guard is a judge with its log.
type Guard struct {
	Log *audit.Log
	Key string // of the log
	// At is when the next call comes; it moves on by a second with each.
	At    time.Time
	judge *judge.Judge
	t     testing.TB
}

// New makes a guard whose log is in a directory. It decides by the shipped policies, and, where p says nothing else, holds the tenant acme to
// the baseline, has workloads from the test, and wants a second person for an exec.
func New(t testing.TB, dir, origin string, p judge.Parts) *Guard {
	t.Helper()
	secret, key, err := note.GenerateKey(nil, origin)
	must(t, err)
	signer, err := note.NewSigner(secret)
	must(t, err)
	log, err := audit.Open(t.Context(), audit.Options{Dir: dir, Origin: origin, Signer: signer, Batch: 64, BatchAge: time.Millisecond})
	must(t, err)
	t.Cleanup(func() { _ = log.Close(context.Background()) })
	engine, err := authz.New(authz.Options{})
	must(t, err)
	g := &Guard{Log: log, Key: key, At: time.Now().Add(-time.Hour).Truncate(time.Second), t: t}
	p.Decider, p.Log, p.Tenant, p.Profile, p.Now = engine, recorder{log}, "acme", cmp.Or(p.Profile, "baseline"), g.now
	if p.Workloads == nil {
		p.Workloads = workloads{}
	}
	if p.FourEyes == nil {
		p.FourEyes = []string{"ContainerExec"}
	}
	g.judge = judge.New(p)
	return g
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (g *Guard) now() time.Time { return g.At }

// recorder writes everything at once, so that a test can read it.
type recorder struct{ log *audit.Log }

// Append implements judge.Recorder.
func (r recorder) Append(ctx context.Context, x model.Record) error {
	_, err := r.log.Append(ctx, x)
	return err
}

// Later implements judge.Recorder.
func (r recorder) Later(ctx context.Context, x model.Record) error { return r.Append(ctx, x) }

// workloads takes the workload that a test gave.
type workloads struct{}

// Harden implements judge.Workloads.
func (workloads) Harden(context.Context, *call.Ask) ([]string, error) { return nil, nil }

// Facts implements judge.Workloads.
func (workloads) Facts(_ context.Context, a *call.Ask) (map[string]any, error) {
	if a.Workload == nil {
		return nil, nil
	}
	return workload.Facts(a.Workload, workload.Extra{Tenant: a.Subject.Principal.Tenant}), nil
}

// Plain is a workload that the baseline lets through.
func Plain() *model.Workload {
	return &model.Workload{Image: model.ImageRef{Ref: "registry.example/web:1"}, User: "1000", UserEffective: "1000"}
}

// Privileged is one that it refuses, by more than one rule.
func Privileged() *model.Workload {
	w := Plain()
	w.Privileged, w.HostNamespaces = true, []string{"pid"}
	return w
}

func (g *Guard) subject(who string) *call.Subject {
	return &call.Subject{
		Principal: model.Principal{
			Ref: model.Ref{Type: "User", ID: "id-" + who}, Name: who, Tenant: "acme", Roles: []string{model.RoleDeveloper},
			Credential: model.Ref{Type: "Session", ID: "peer:1000"},
		},
		Address: "unix:pid=7,uid=1000,gid=1000",
	}
}

// Ask is a call as the guard's door would put it to the judge, a second after the one before.
func (g *Guard) Ask(t testing.TB, who *call.Subject, method, target string, o *call.Object) *call.Ask {
	t.Helper()
	g.At = g.At.Add(time.Second)
	c, err := route.New().Match(method, target)
	must(t, err)
	return &call.Ask{Subject: who, Call: c, Body: call.BodyOf(c.Route), Object: o}
}

// Judge gives what the judge says, after the record is safe; nil lets the call through.
func (g *Guard) Judge(t testing.TB, a *call.Ask) *call.Refusal {
	t.Helper()
	err := g.judge.Judge(t.Context(), a)
	if err == nil && a.Recorded != nil {
		err = a.Recorded()
	}
	var no *call.Refusal
	if err != nil && !errors.As(err, &no) {
		t.Fatal(err)
	}
	return no
}

func (g *Guard) ask(who, method, target string, o *call.Object) *call.Ask {
	g.t.Helper()
	return g.Ask(g.t, g.subject(who), method, target, o)
}

func (g *Guard) judged(a *call.Ask) *call.Refusal {
	g.t.Helper()
	return g.Judge(g.t, a)
}

// Run is `docker create`.
func (g *Guard) Run(who, name string, w *model.Workload) *call.Refusal {
	g.t.Helper()
	a := g.ask(who, "POST", "/containers/create?name="+name, &call.Object{Kind: route.Container, Name: name, New: true})
	a.Workload, a.Body = w, &container.CreateRequest{Config: &container.Config{}}
	return g.judged(a)
}

func own(who, name string) *call.Object {
	return &call.Object{
		Kind: route.Container, ID: name, Name: name, Tenant: "acme", Owner: "id-" + who,
		Labels: map[string]string{call.LabelTenant: "acme", call.LabelOwner: "id-" + who},
	}
}

// Look is `docker inspect` of a container of the caller's.
func (g *Guard) Look(who, name string) *call.Refusal {
	g.t.Helper()
	return g.judged(g.ask(who, "GET", "/containers/"+name+"/json", own(who, name)))
}

// Export is what a developer may not.
func (g *Guard) Export(who, name string) *call.Refusal {
	g.t.Helper()
	return g.judged(g.ask(who, "GET", "/containers/"+name+"/export", own(who, name)))
}

// Exec is `docker exec`, which needs the approval of a second person.
func (g *Guard) Exec(who, name string) *call.Refusal {
	g.t.Helper()
	a := g.ask(who, "POST", "/containers/"+name+"/exec", own(who, name))
	a.Workload = Plain()
	return g.judged(a)
}

// Attach is `docker attach`, and with recorded a recording of it; it gives the recording's id.
func (g *Guard) Attach(who, name string, recorded bool) string {
	g.t.Helper()
	a := g.ask(who, "POST", "/containers/"+name+"/attach", own(who, name))
	if no := g.judged(a); no != nil {
		g.t.Fatal(no)
	}
	if !recorded {
		return ""
	}
	id, err := judge.NewID()
	must(g.t, err)
	g.At = g.At.Add(time.Second)
	r := sessions.Entry{ID: id, Kind: "attach", Account: "id-" + who, AccountName: who, Tenant: "acme", Decision: a.Record, Outcome: sessions.Ended}.Record()
	r.Time = g.At
	must(g.t, recorder{g.Log}.Append(g.t.Context(), r))
	return id
}

// StopFails is `docker stop`, allowed, that the engine then could not do.
func (g *Guard) StopFails(who, name string) {
	g.t.Helper()
	a := g.ask(who, "POST", "/containers/"+name+"/stop", own(who, name))
	if no := g.judged(a); no != nil {
		g.t.Fatal(no)
	}
	must(g.t, g.judge.Failed(g.t.Context(), a, "the engine did not answer"))
}

// Unknown is a call that no guard knows, by nobody.
func (g *Guard) Unknown() {
	g.t.Helper()
	g.At = g.At.Add(time.Second)
	_, err := g.judge.NotUnderstood(g.t.Context(), nil, "POST", "/v1.47/nothing", errors.New("the guard does not know this call"))
	must(g.t, err)
}

// Records are those of the log, as the control plane gets them.
func (g *Guard) Records() []model.LogRecord {
	g.t.Helper()
	all, err := g.Log.Read(g.t.Context(), 0, int(g.Log.Size()))
	must(g.t, err)
	return all
}
