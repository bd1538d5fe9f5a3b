package agent_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/agent"
	"github.com/bulkhead-security/bulkhead/model"
)

var options = agent.Options{Deadline: 100 * time.Millisecond, Overall: 2 * time.Second, Parallel: 4}

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
		model.Collector{Name: "hangs", Paths: []string{"/host/packages"}, Collect: func(context.Context) (model.Part, []model.Gap) {
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
	if took := time.Since(start); took > 5*time.Second {
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
