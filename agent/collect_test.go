package agent_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/agent"
	"github.com/bulkhead-security/bulkhead/model"
)

var options = agent.Options{Deadline: time.Minute, Overall: 2 * time.Minute, Parallel: 4}

func collect(t *testing.T, o agent.Options, list ...model.Collector) *model.Snapshot {
	t.Helper()
	return agent.Collect(t.Context(), model.Node{Name: "n"}, time.Unix(0, 0), list, o)
}

func kernel(release string) model.Collector {
	return model.Collector{
		Name: "kernel", Paths: []string{"/host/kernel"},
		Collect: func(context.Context) (model.Part, []model.Gap) {
			return func(s *model.Snapshot) { s.HostPart().Kernel.Release = release }, nil
		},
	}
}

func TestOneBadCollectorSpoilsNoOther(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	s := collect(t, options,
		model.Collector{Name: "hangs", Paths: []string{"/host/packages"}, Deadline: 100 * time.Millisecond, Collect: func(context.Context) (model.Part, []model.Gap) {
			<-hang // ignores its context
			return func(s *model.Snapshot) { s.HostPart().PackageManager = "late" }, nil
		}},
		model.Collector{Name: "panics", Paths: []string{"/engine", "/containers"}, Collect: func(context.Context) (model.Part, []model.Gap) {
			panic("boom")
		}},
		model.Collector{Name: "refused", Paths: []string{"/firewall"}, Collect: func(context.Context) (model.Part, []model.Gap) {
			return nil, []model.Gap{{Path: "/firewall", Reason: model.GapPermission}}
		}},
		kernel("6.1"),
	)
	if s.Host == nil || s.Host.Kernel.Release != "6.1" || s.Host.PackageManager != "" {
		t.Errorf("host: %+v", s.Host)
	}
	want := []model.Gap{
		{Path: "/containers", Collector: "panics", Reason: model.GapFailed, Detail: "the collector stopped: boom"},
		{Path: "/engine", Collector: "panics", Reason: model.GapFailed, Detail: "the collector stopped: boom"},
		{Path: "/firewall", Collector: "refused", Reason: model.GapPermission},
		{Path: "/host/packages", Collector: "hangs", Reason: model.GapTimeout, Detail: "no answer within 100ms"},
	}
	if d := cmp.Diff(want, s.Gaps); d != "" {
		t.Errorf("gaps (-want +got):\n%s", d)
	}
}

func TestOverallDeadlineHolds(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	stuck := model.Collector{
		Name: "stuck", Paths: []string{"/engine"}, Deadline: time.Minute,
		Collect: func(context.Context) (model.Part, []model.Gap) { <-hang; return nil, nil },
	}
	queued := model.Collector{
		Name: "queued", Paths: []string{"/networks"},
		Collect: func(context.Context) (model.Part, []model.Gap) { return nil, nil },
	}
	o := options
	o.Parallel, o.Overall = 1, 200*time.Millisecond
	start := time.Now()
	s := collect(t, o, stuck, stuck, queued)
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("took %s", took)
	}
	if len(s.Gaps) < 2 || s.Gaps[0].Reason != model.GapTimeout {
		t.Errorf("gaps: %+v", s.Gaps)
	}
}

func TestLaterPartsWinInTheOrderOfTheList(t *testing.T) {
	slow := kernel("first")
	inner := slow.Collect
	slow.Collect = func(ctx context.Context) (model.Part, []model.Gap) {
		time.Sleep(20 * time.Millisecond)
		return inner(ctx)
	}
	if s := collect(t, options, slow, kernel("second")); s.Host.Kernel.Release != "second" {
		t.Errorf("got %q: the order of finishing decided", s.Host.Kernel.Release)
	}
}

func TestProgressCountsEveryCollector(t *testing.T) {
	var seen []int
	o := options
	o.Progress = func(_ string, _ time.Duration, done, all int) {
		if all != 3 {
			t.Errorf("all is %d", all)
		}
		seen = append(seen, done)
	}
	collect(t, o, kernel("a"), kernel("b"), kernel("c"))
	if d := cmp.Diff([]int{1, 2, 3}, seen); d != "" {
		t.Error(d)
	}
}

func TestLink(t *testing.T) {
	facts := model.Collector{Name: "facts", Collect: func(context.Context) (model.Part, []model.Gap) {
		return func(s *model.Snapshot) {
			h := s.HostPart()
			h.Processes = []model.Process{
				{PID: 1, Name: "init", PIDNamespace: 1},
				{PID: 50, Name: "app", PIDNamespace: 9},
				{PID: 51, Name: "worker", PIDNamespace: 9},
				{PID: 60, Name: "hostpid", PIDNamespace: 1},
			}
			h.Listeners = []model.Listener{{Port: 80, PID: 51}, {Port: 22, PID: 1}}
			s.Engine = &model.Engine{Sockets: []model.EngineSocket{{FileFact: model.FileFact{Path: "/run/docker.sock"}}}}
			s.Containers = []model.Container{
				{ID: "c1", PID: 50, Workload: model.Workload{
					Image:  model.ImageRef{ID: "sha256:i"},
					Mounts: []model.Mount{{Source: "/var/run/docker.sock", Resolved: "/run/docker.sock", EngineSocket: true}},
				}},
				{ID: "c2", PID: 60}, // shares the host's pid namespace: its processes are told by the init process only
			}
			s.Images = []model.Image{{ID: "sha256:i"}, {ID: "sha256:j"}}
		}, nil
	}}
	s := collect(t, options, facts)
	var owners []string
	for _, p := range s.Host.Processes {
		owners = append(owners, p.Container)
	}
	if d := cmp.Diff([]string{"", "c1", "c1", "c2"}, owners); d != "" {
		t.Errorf("processes: %s", d)
	}
	if s.Host.Listeners[0].Container != "c1" || s.Host.Listeners[1].Container != "" {
		t.Errorf("listeners: %+v", s.Host.Listeners)
	}
	if d := cmp.Diff([]string{"c1"}, s.Engine.Sockets[0].MountedIn); d != "" {
		t.Errorf("sockets: %s", d)
	}
	if d := cmp.Diff([]string{"c1"}, s.Images[0].UsedBy); d != "" || s.Images[1].UsedBy != nil {
		t.Errorf("images: %+v", s.Images)
	}
}

func linked(t *testing.T, fill func(*model.Snapshot)) *model.Snapshot {
	t.Helper()
	return collect(t, options, model.Collector{Name: "facts", Collect: func(context.Context) (model.Part, []model.Gap) { return fill, nil }})
}

func TestLinkKeepsTheHostsProcessesWithTheHost(t *testing.T) {
	s := linked(t, func(s *model.Snapshot) {
		s.HostPart().Processes = []model.Process{
			{PID: 1, Name: "init"}, // its namespace could not be read
			{PID: 40, Name: "cron", PIDNamespace: 1},
			{PID: 50, Name: "app", PIDNamespace: 9},
			{PID: 60, Name: "hostpid", PIDNamespace: 1},
			{PID: 70, Name: "sidecar", PIDNamespace: 9},
			{PID: 71, Name: "helper", PIDNamespace: 9},
		}
		in := func(id string, pid int, mode string) model.Container {
			return model.Container{ID: id, PID: pid, Workload: model.Workload{Namespaces: model.Namespaces{PID: mode}}}
		}
		s.Containers = []model.Container{in("c1", 50, "private"), in("c2", 60, "host"), in("c3", 70, "container:c1")}
	})
	var owners []string
	for _, p := range s.Host.Processes {
		owners = append(owners, p.Container)
	}
	if d := cmp.Diff([]string{"", "", "c1", "c2", "c3", "c1"}, owners); d != "" {
		t.Errorf("processes: %s", d)
	}
}

func TestLinkSocketsBelowAMount(t *testing.T) {
	holds := func(m model.Mount) bool {
		s := linked(t, func(s *model.Snapshot) {
			s.Engine = &model.Engine{Sockets: []model.EngineSocket{{FileFact: model.FileFact{Path: "/run/docker.sock"}}}}
			s.Containers = []model.Container{{ID: "c", Workload: model.Workload{Mounts: []model.Mount{m}}}}
		})
		return len(s.Engine.Sockets[0].MountedIn) > 0
	}
	for _, p := range []string{"/", "/run", "/run/", "/var/run", "/run/docker.sock", "/var/run/docker.sock"} {
		if !holds(model.Mount{Source: p}) || !holds(model.Mount{Source: "/elsewhere", Resolved: p}) {
			t.Errorf("a mount of %s holds the socket", p)
		}
	}
	for _, p := range []string{"", "data", "/ru", "/run/docker", "/var", "/srv"} {
		if holds(model.Mount{Source: p, Resolved: p}) {
			t.Errorf("a mount of %q does not hold the socket", p)
		}
	}
}

func TestLinkComponents(t *testing.T) {
	s := linked(t, func(s *model.Snapshot) {
		s.HostPart().Files = []model.FileFact{{Path: "/usr/bin/dockerd", Package: "docker.io"}, {Path: "/usr/local/bin/runc"}}
		s.Engine = &model.Engine{Components: []model.Component{
			{Name: "Engine", Path: "/usr/bin/dockerd"}, {Name: "runc", Path: "/usr/local/bin/runc"}, {Name: "init"},
		}}
	})
	var got []string
	for _, c := range s.Engine.Components {
		got = append(got, c.Package)
	}
	if d := cmp.Diff([]string{"docker.io", "", ""}, got); d != "" {
		t.Error(d)
	}
}

func TestAnEngineElsewhereIsNotJoinedWithThisMachine(t *testing.T) {
	at := func(endpoint string) *model.Snapshot {
		return linked(t, func(s *model.Snapshot) {
			s.HostPart().Kernel.Release = "6.1"
			s.Firewall, s.Controls = &model.Firewall{}, []model.Control{{Name: model.ControlSensor}}
			s.Engine = &model.Engine{Endpoint: endpoint}
		})
	}
	if s := at("unix:///run/docker.sock"); s.Host == nil || s.Firewall == nil || len(s.Controls) != 1 || len(s.Gaps) > 0 {
		t.Errorf("a local engine lost its machine: %+v", s)
	}
	s := at("tcp://192.0.2.7:2376")
	var paths []string
	for _, g := range s.Gaps {
		paths = append(paths, g.Path)
	}
	if d := cmp.Diff([]string{"/controls", "/firewall", "/guard", "/host"}, paths); d != "" || s.Host != nil || s.Firewall != nil || s.Controls != nil {
		t.Errorf("gaps %s, snapshot %+v", d, s)
	}
}

func TestTheGuardIsAControl(t *testing.T) {
	with := func(change func(s *model.Snapshot)) *model.Snapshot {
		return linked(t, func(s *model.Snapshot) {
			s.Guard = &model.GuardStatus{PID: 7, Mode: model.ModeEnforce, Engine: "/run/docker.sock", Socket: "/run/bulkhead/docker.sock", Profile: "baseline"}
			s.Engine = &model.Engine{Endpoint: "unix:///run/docker.sock", Sockets: []model.EngineSocket{
				{Engine: "docker", FileFact: model.FileFact{Path: "/run/docker.sock", Exists: true, Mode: "0600"}},
				{Engine: "docker", FileFact: model.FileFact{Path: "/run/bulkhead/docker.sock", Exists: true, Mode: "0666"}, Users: []string{"alice"}},
			}}
			change(s)
		})
	}
	s := with(func(*model.Snapshot) {})
	if len(s.Controls) != 1 || s.Controls[0].Name != model.ControlDaemonGuard || s.Controls[0].Mode != model.ModeEnforce || s.Controls[0].PID != 7 {
		t.Errorf("controls %+v", s.Controls)
	}
	if got := s.Engine.Sockets; !got[0].Guarded || got[1].Guarded || got[1].Engine != model.EngineGuard {
		t.Errorf("sockets %+v", got)
	}
	s = with(func(s *model.Snapshot) { s.Engine.Sockets[0].Users = []string{"bob"} })
	if s.Engine.Sockets[0].Guarded {
		t.Error("a socket that bob can reach is not the guard's alone")
	}
	s = with(func(s *model.Snapshot) { s.Engine.Sockets[0].Mode = "0666" })
	if s.Engine.Sockets[0].Guarded {
		t.Error("a socket that is open to everybody is not the guard's alone")
	}
	s = with(func(s *model.Snapshot) {
		s.Controls = []model.Control{{Name: model.ControlDaemonGuard, Mode: model.ModeObserve}}
	})
	if len(s.Controls) != 1 || s.Controls[0].Mode != model.ModeObserve {
		t.Errorf("a status file of the control counts before: %+v", s.Controls)
	}
	s = with(func(s *model.Snapshot) { s.Guard = nil })
	if len(s.Controls) != 0 || s.Engine.Sockets[0].Guarded {
		t.Errorf("without a guard: %+v, %+v", s.Controls, s.Engine.Sockets)
	}
}
