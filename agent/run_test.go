package agent_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/agent"
	"github.com/bulkhead-security/bulkhead/agent/spool"
	"github.com/bulkhead-security/bulkhead/agent/state"
	"github.com/bulkhead-security/bulkhead/agent/uplink"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// machine is a node under test: what it sees, and what it has in force.
type machine struct {
	t   *testing.T
	dir string

	mu      sync.Mutex
	name    string // what the snapshot says
	sets    []model.Policies
	assess  map[string]any
	loads   int
	now     func() time.Time
	withLog bool
	mistake string // the part that has one
	calm    time.Duration
	unsound []model.BundleKind // that it was told of
	failed  chan error         // what a run ended with that failed
	// maintainer acts on an orchestrator; nil leaves it alone.
	maintainer agent.Maintainer
	agent      *agent.Agent
}

func newMachine(t *testing.T) *machine {
	return &machine{t: t, dir: filepath.Join(t.TempDir(), "agent"), name: "first"}
}

func (m *machine) see(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.name = name
}

func (m *machine) policies() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.sets) == 0 {
		return ""
	}
	return fmt.Sprint(m.sets[0].Version, " ", m.sets[0].Files[0].Name)
}

// Load implements agent.PolicyEngine. A set with a file "broken" does not load.
func (m *machine) Load(sets []model.Policies) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mistake == "following" {
		panic("a mistake in following")
	}
	for _, s := range sets {
		if s.Files[0].Name == "broken" {
			return errors.New("line 1: this is no policy")
		}
	}
	m.sets = sets
	m.loads++
	return nil
}

func (m *machine) join(f *fake) {
	m.t.Helper()
	d, err := state.Open(m.dir)
	check(m.t, err)
	defer d.Close()
	n, err := agent.Join(m.t.Context(), agent.JoinOptions{Dir: d, Link: f.link(), Token: token, Name: "web-1", Version: "1.0"})
	check(m.t, err)
	if n.ID != nodeID || n.Tenant != "acme" || n.Name != "web-1" {
		m.t.Errorf("%+v", n)
	}
}

// run starts the agent; what it gives stops it and waits until it has ended.
func (m *machine) run() (stop func()) {
	m.t.Helper()
	d, err := state.Open(m.dir)
	check(m.t, err)
	node, err := d.Node()
	check(m.t, err)
	s, lost, err := spool.Open(spool.Options{Path: d.Path(state.SpoolFile), Bytes: 8 << 20})
	check(m.t, err)
	roots, err := node.Roots()
	check(m.t, err)
	c, err := uplink.New(uplink.Options{Servers: node.Servers, Roots: roots, Certificate: d.Certificate, Version: "1.0", Now: m.now})
	check(m.t, err)
	p := agent.Parts{
		Dir: d, Spool: s, Lost: lost, Server: c, Version: "1.0", Every: 50 * time.Millisecond, Now: m.now, Calm: m.calm,
		Collect: func(context.Context) (*model.Snapshot, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.mistake == "collecting" {
				panic("a mistake in collecting")
			}
			return &model.Snapshot{
				Schema: model.SnapshotSchema, Node: model.Node{Name: m.name}, Taken: time.Now(),
				Containers: []model.Container{{ID: "a", Name: m.name}, {ID: "b"}},
			}, nil
		},
		Appliers: map[model.BundleKind][]agent.Applier{
			model.BundlePolicies: {&agent.Policies{Engine: m}},
			model.BundleSettings: {agent.SettingsFunc(func(a map[string]any) error {
				m.mu.Lock()
				defer m.mu.Unlock()
				if a["bad"] != nil {
					return errors.New("bad is no setting")
				}
				m.assess = a
				return nil
			})},
		},
		Unsound: func(kind model.BundleKind, _ error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.unsound = append(m.unsound, kind)
		},
		Addresses: func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("192.0.2.7")} },
	}
	if m.maintainer != nil {
		p.Maintainer = m.maintainer
	}
	ctx, cancel := context.WithCancel(context.Background())
	var l *audit.Log
	if m.withLog {
		origin := "bulkhead/node/" + node.ID
		signer, key, err := d.LogSigner(origin)
		check(m.t, err)
		l, err = audit.Open(ctx, audit.Options{Dir: d.Path(state.AuditDir), Origin: origin, Signer: signer, Batch: 16, BatchAge: time.Millisecond})
		check(m.t, err)
		p.Log, p.LogKey = l, key
	}
	m.agent, err = agent.New(p)
	check(m.t, err)
	done := make(chan error, 1)
	go func() {
		err := m.agent.Run(ctx)
		var f *agent.Failed
		if errors.As(err, &f) && m.failed != nil {
			m.failed <- err
			err = nil
		}
		done <- err
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil {
					m.t.Error(err)
				}
			case <-time.After(20 * time.Second):
				m.t.Error("it does not stop")
			}
			if l != nil {
				if err := l.Close(context.Background()); err != nil {
					m.t.Error(err)
				}
			}
			c.Close()
			_ = s.Close()
			_ = d.Close()
		})
	}
	m.t.Cleanup(stop)
	return stop
}

func TestJoinReportAndRestart(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	m.join(f)
	stop := m.run()
	f.seen("the first facts", func() bool { return f.sees("first") })
	m.see("second")
	f.seen("the changed facts", func() bool { return f.sees("second") && f.fromNothing() == 1 })
	r := f.last()
	if s := r.GetState(); s.GetVersion() != "1.0" || s.GetAddresses()[0] != "192.0.2.7" || s.GetStopping() || s.GetStarted() == nil {
		t.Errorf("%v", s)
	}
	stop()
	f.seen("that it stops", func() bool { return f.last().GetState().GetStopping() })
	before := r.GetRun()
	m.see("third")
	m.run()
	f.seen("the facts after a restart", func() bool {
		return f.sees("third") && f.fromNothing() == 1 && f.last().GetRun() != before
	})
}

func TestASecondAgentIsKeptOut(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	m.join(f)
	stop := m.run()
	if _, err := state.Open(m.dir); model.CodeOf(err) != model.CodeConflict {
		t.Errorf("%v", err)
	}
	d, err := state.Look(m.dir)
	check(t, err)
	f.eventually("the status file", func() bool {
		s, err := d.Status()
		return err == nil && s.Running && s.Connected && s.Node == nodeID && s.Server == f.server.URL
	})
	stop()
	s, err := d.Status()
	if err != nil || s.Running || s.Connected {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestOfflineForATime(t *testing.T) {
	for _, mode := range []string{"500", "garbage", "hang"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			f, m := newFake(t), newMachine(t)
			m.join(f)
			stop := m.run()
			f.seen("facts", func() bool { return f.sees("first") })
			f.set(mode)
			m.see("changed meanwhile")
			var want []string
			for i := range 40 {
				id := fmt.Sprintf("finding-%02d", i)
				check(t, m.agent.Found(model.Finding{ID: id, Kind: "test/x", Severity: model.High, First: time.Now(), Last: time.Now(), Count: 1}))
				want = append(want, id)
				if i == 20 { // and a restart in between
					stop()
					stop = m.run()
				}
			}
			f.eventually("that the status says so", func() bool { return !m.agent.Status().Connected })
			f.set("")
			f.seen("all that was found", func() bool { return len(f.order) >= len(want) })
			f.seen("the newest facts", func() bool { return f.sees("changed meanwhile") })
			f.mu.Lock()
			defer f.mu.Unlock()
			if got := strings.Join(f.order, " "); got != strings.Join(want, " ") || !unique(f.order) {
				t.Errorf("in the order %s", got)
			}
			if n := f.fromNothing(); n > 2 { // once more where an answer was lost in the cut
				t.Errorf("all facts were sent %d times", n)
			}
		})
	}
}

func TestResync(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	m.join(f)
	m.run()
	f.seen("facts", func() bool { return f.sees("first") })
	f.mu.Lock()
	f.forget = true
	f.mu.Unlock()
	m.see("second")
	f.seen("all facts again", func() bool {
		return f.sees("second") && len(f.facts) > 3 && f.fromNothing() == 2
	})
	<-f.follows
	f.send(&bulkheadv1.FollowResponse{What: &bulkheadv1.FollowResponse_Resync{Resync: &bulkheadv1.Empty{}}})
	f.seen("all facts because they were asked for", func() bool { return f.fromNothing() == 3 })
}

func TestRenewal(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	m.join(f)
	m.run()
	<-f.follows
	renew := &bulkheadv1.FollowResponse{What: &bulkheadv1.FollowResponse_Renew{Renew: &bulkheadv1.Empty{}}}
	first := func() string { f.mu.Lock(); defer f.mu.Unlock(); return f.serials[len(f.serials)-1] }()
	f.send(renew)
	<-f.follows // over a new connection, with the new certificate
	f.seen("the new certificate alone", func() bool {
		return len(f.serials) == 1 && f.serials[0] != first && f.shown[len(f.shown)-1] == f.serials[0]
	})
	// An answer that is lost: the old one renews again.
	f.mu.Lock()
	second := f.serials[0]
	f.unanswered = true
	f.mu.Unlock()
	f.send(renew)
	f.seen("the one after", func() bool {
		return len(f.serials) == 1 && f.serials[0] != second && f.shown[len(f.shown)-1] == f.serials[0]
	})
}

func TestRenewalAtHalfOfItsLife(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	f.life = time.Second // over at once
	m.join(f)
	f.mu.Lock()
	first := f.serials[0]
	f.life = time.Hour
	f.mu.Unlock()
	time.Sleep(time.Second)
	m.run()
	f.seen("a renewal with a certificate that has ended", func() bool { return len(f.serials) == 1 && f.serials[0] != first })
}

func TestClocks(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	f.clock = -5 * time.Minute
	m.join(f)
	m.run()
	f.seen("the difference", func() bool {
		x := f.found("node/clock-skew", "clock")
		return x != nil && strings.Contains(x.GetText(), "5m0s") && strings.Contains(x.GetText(), "ahead")
	})
}

func TestAClockAYearOff(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	m.join(f)
	var mu sync.Mutex
	off := -365 * 24 * time.Hour
	m.now = func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(off) }
	m.run()
	f.eventually("that the error speaks of the time", func() bool {
		e := m.agent.Status().Error
		return strings.Contains(e, "not valid at this machine's time") && strings.Contains(e, "clock")
	})
	mu.Lock()
	off = 0
	mu.Unlock()
	f.seen("that the clock was wrong, once it is right", func() bool { return f.found("node/clock-skew", "clock") != nil })
}

func TestJoinRefuses(t *testing.T) {
	f := newFake(t)
	other := newAuthority(t, "another CA")
	for name, c := range map[string]struct {
		o    agent.JoinOptions
		want string
	}{
		"another pin":        {agent.JoinOptions{Link: f.server.URL + "#ca=" + other.pin(), Token: token}, "nothing was sent"},
		"a bad pin":          {agent.JoinOptions{Link: f.server.URL + "#ca=sha256:12", Token: token}, "fingerprint"},
		"no pin":             {agent.JoinOptions{Link: f.server.URL, Token: token}, "not trusted"},
		"plain HTTP":         {agent.JoinOptions{Link: "http://127.0.0.1:1", Token: token}, "no address to join"},
		"an unknown part":    {agent.JoinOptions{Link: f.link() + "&token=x", Token: token}, "no address to join"},
		"another token":      {agent.JoinOptions{Link: f.link(), Token: "bhj_other"}, "token"},
		"a token twice":      {agent.JoinOptions{Link: f.link(), Token: token}, "token"},
		"nobody listens":     {agent.JoinOptions{Link: "https://127.0.0.1:1#ca=" + f.ca.pin(), Token: token}, "not reached"},
		"a CA that is none":  {agent.JoinOptions{Link: f.server.URL, CA: "x", Token: token}, "no certificate"},
		"a server that lies": {agent.JoinOptions{Link: f.server.URL, CA: string(pemOf(other)), Token: token}, "not trusted"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "a token twice" {
				f.mu.Lock()
				f.used = true
				f.mu.Unlock()
			}
			d, err := state.Open(filepath.Join(t.TempDir(), "agent"))
			check(t, err)
			defer d.Close()
			c := c.o
			c.Dir, c.Name, c.Version = d, "web-1", "1.0"
			_, err = agent.Join(t.Context(), c)
			if err == nil {
				t.Fatal("joined")
			}
			if _, err := d.Node(); !errors.Is(err, state.ErrNotJoined) {
				t.Errorf("it counts as joined: %v", err)
			}
		})
	}
	if f.key != nil {
		t.Error("a request reached the server that should not have")
	}
}

func TestSeveralServers(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	d, err := state.Open(m.dir)
	check(t, err)
	_, err = agent.Join(t.Context(), agent.JoinOptions{
		Dir: d, Link: "https://127.0.0.1:1", CA: string(pemOf(f.ca)), Servers: []string{f.server.URL + "/"}, Token: token, Name: "web-1",
	})
	check(t, err)
	check(t, d.Close())
	m.run()
	f.seen("facts, at the second server", func() bool { return f.sees("first") })
	f.eventually("a stream", func() bool { return m.agent.Status().Server == f.server.URL && m.agent.Status().Connected })
}

func TestTheLogIsSent(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	m.withLog = true
	m.join(f)
	stop := m.run()
	f.seen("the start", func() bool { return len(f.entries) >= 1 })
	f.mu.Lock()
	f.kept = []uint64{1}
	f.mu.Unlock()
	stop()
	stop = m.run()
	f.seen("stop and start", func() bool { return len(f.entries) >= 3 })
	f.seen("a checkpoint with a proof", func() bool {
		for _, r := range f.sent {
			if len(r.GetProofs()) > 0 && r.GetProofs()[0].GetFrom() == 1 && r.GetCheckpoint() != "" {
				return true
			}
		}
		return false
	})
	stop()
	f.mu.Lock()
	var actions []string
	for _, e := range f.entries {
		r, err := audit.Decode(e)
		check(t, err)
		actions = append(actions, r.Action)
	}
	if f.uncovered > 0 {
		t.Errorf("%d times a part of the log was sent that no checkpoint was over", f.uncovered)
	}
	if last := actions[len(actions)-1]; last != "AgentStop" {
		t.Errorf("the last that the server has is %s", last)
	}
	key := f.sent[0].GetKey()
	for _, r := range f.sent {
		if r.GetKey() != key {
			t.Error("another key")
		}
		if r.GetCheckpoint() == "" {
			continue
		}
		if _, err := audit.ParseCheckpoint([]byte(r.GetCheckpoint()), key); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Join(actions, " "); !strings.HasPrefix(got, "AgentStart AgentStop AgentStart") {
		t.Error(got)
	}
	// A server that has more than the log: it was rolled back.
	for range 10 {
		f.entries = append(f.entries, f.entries[0])
	}
	f.mu.Unlock()
	m.run()
	f.seen("that it was rolled back", func() bool { return f.found("node/log-rolled-back", "audit log") != nil })
}

func TestALostSpoolIsTold(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	m.join(f)
	check(t, os.WriteFile(filepath.Join(m.dir, state.SpoolFile), []byte(strings.Repeat("no spool ", 10000)), 0o600))
	m.run()
	f.seen("that it was lost", func() bool { return f.found("node/spool-lost", "spool") != nil })
}

func TestLeave(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	m.withLog = true
	m.join(f)
	m.run()()
	d, err := state.Open(m.dir)
	check(t, err)
	defer d.Close()
	kept, err := d.Leave(time.Now())
	check(t, err)
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("the audit log is gone: %v", err)
	}
	if _, err := d.Node(); !errors.Is(err, state.ErrNotJoined) {
		t.Error(err)
	}
	for _, name := range []string{"key.pem", "certificate.pem", "log.key", state.SpoolFile, "documents"} {
		if _, err := os.Stat(d.Path(name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
}
