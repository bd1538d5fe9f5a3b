package drill

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"

	"github.com/bulkhead-security/bulkhead/drill/ground"
)

// containerDrills reach into somebody else's container.
func containerDrills() []Drill {
	both := []string{"7.6.a", "7.6.b"}
	drill := func(id, technique, title string, do attack) Drill {
		return guardDrill(id, technique, title, do, both...)
	}
	return []Drill{
		drill("exec", "T1609", "A program is run in somebody else's container", execs(func(_ *EngineWorld, id string) string { return id })),
		drill("exec-by-name", "T1609", "The same, by the container's name", execs(func(w *EngineWorld, _ string) string { return w.name + "-victim" })),
		drill("exec-by-short-id", "T1609", "The same, by the first letters of its id", execs(func(_ *EngineWorld, id string) string { return id[:6] })),
		drill("exec-of-another", "T1609", "A program that somebody else prepared is started", startsExec),
		drill("attach", "T1609", "Somebody types into somebody else's program", attaches(attachHijack)),
		drill("attach-websocket", "T1609", "The same, over a web socket", attaches(attachSocket)),
		drill("stop", "T1489", "Somebody else's container is stopped", hurts(http.MethodPost, "/stop?t=0", nil, stopped)),
		drill("kill", "T1489", "Somebody else's container is killed", hurts(http.MethodPost, "/kill", nil, stopped)),
		drill("pause", "T1489", "Somebody else's container is paused", hurts(http.MethodPost, "/pause", nil, func(c *container.InspectResponse) bool { return c != nil && c.State.Paused })),
		drill("restart", "T1489", "Somebody else's container is restarted", restarts),
		drill("remove", "T1485", "Somebody else's container is removed", hurts(http.MethodDelete, "?force=1&v=1", nil, func(c *container.InspectResponse) bool { return c == nil })),
		drill("rename", "T1036.005", "Somebody else's container gets another name", hurts(http.MethodPost, "/rename?name=taken", nil, func(c *container.InspectResponse) bool {
			return c != nil && c.Name == "/taken"
		})),
		drill("update", "T1499", "Somebody else's container gets other limits", hurts(http.MethodPost, "/update", fields{"Memory": 8 << 20, "MemorySwap": 8 << 20}, func(c *container.InspectResponse) bool {
			return c != nil && c.HostConfig.Memory == 8<<20
		})),
		drill("copy-in", "T1105", "A file is put into somebody else's container", copiesIn(ground.File{Name: "planted", Body: []byte("planted\n")}, "/planted")),
		drill("copy-in-through-link", "T1105", "A file is put into somebody else's volume, through a link in the same archive", copiesInThroughLink),
		drill("copy-out", "T1005", "A file is read out of somebody else's container", reads("/archive?path=/secret")),
		drill("copy-out-of-volume", "T1005", "A file is read out of somebody else's volume, through its container", reads("/archive?path=/data/")),
		drill("copy-out-through-link", "T1005", "A file is read out of somebody else's volume, through a link in its container", copiesOutThroughLink),
		drill("copy-out-stat", "T1083", "It is asked where a link in somebody else's container leads, without reading a file", statsLink),
		drill("export", "T1005", "All files of somebody else's container are read", reads("/export")),
		drill("inspect", "T1552", "The secrets in the environment of somebody else's container are read", reads("/json")),
		drill("logs", "T1005", "What somebody else's container wrote is read", reads("/logs?stdout=1")),
		drill("top", "T1057", "The arguments of somebody else's processes are read", sees("/top", "sleep")),
		drill("stats", "T1082", "It is watched how busy somebody else's container is", sees("/stats?stream=0", "cpu_stats")),
		drill("changes", "T1083", "It is read which files somebody else's container changed", sees("/changes", "/secret")),
		drill("commit", "T1525", "An image is made of somebody else's container", commits),
		drill("rename-race", "T1036", "A name of one's own becomes the id of somebody else's between judging and use", renameRace),
		drill("name-is-short-id", "T1036.005", "A container has the short id of somebody else's as its name, and gets what is meant for that", standsIn(namedSo)),
		drill("rename-to-short-id", "T1036.005", "The same, by giving a container another name", standsIn(renamedSo)),
		drill("kill-empty-body", "T1489", "Somebody else's container is killed by a request whose body of JSON has no byte", killsEmpty("Content-Length: 0\r\n", "")),
		drill("kill-empty-chunks", "T1489", "The same, by one whose body is a last chunk", killsEmpty("Transfer-Encoding: chunked\r\n", "0\r\n\r\n")),
		drill("links", "T1046", "A container is linked to somebody else's", linksTo),
		guardDrill("checkpoint-creates", "T1222.002", "A checkpoint of somebody else's container is begun: the engine, as root, makes directories anywhere for it", checkpointCreates, "7.6.a", "7.6.b"),
		guardDrill("checkpoint-removes", "T1485", "The engine, as root, removes any directory of the host for a checkpoint", removesDirectory),
		guardDrill("checkpoint-lists", "T1083", "The engine, as root, lists any directory of the host for checkpoints", listsDirectory),
		guardDrill("own-label", "T1036", "A container says to be somebody else's", labelled(func(w *EngineWorld) fields {
			c := plain()
			c["Labels"] = fields{"io.bulkhead.owner": "victor", "io.bulkhead.tenant": other}
			return c
		})),
		guardDrill("own-label-case", "T1036", "The same, in another case", labelled(func(w *EngineWorld) fields {
			c := plain()
			c["Labels"] = fields{"IO.Bulkhead.Owner": "victor"}
			return c
		})),
	}
}

// onVictim runs an attack on victor's container.
func onVictim(do func(ctx context.Context, w *EngineWorld, id string) (bool, error)) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		id, err := w.victim(ctx)
		if err != nil {
			return false, err
		}
		return do(ctx, w, id)
	}
}

// hurts makes one call about victor's container, and looks what became of it; nil says that it is gone.
func hurts(method, rest string, body any, hurt func(c *container.InspectResponse) bool) attack {
	return onVictim(func(ctx context.Context, w *EngineWorld, id string) (bool, error) {
		a, err := w.mallory.send(ctx, method, "/containers/"+id+rest, body)
		if err != nil {
			return false, err
		}
		c, err := w.look(ctx, id)
		if errdefs.IsNotFound(err) {
			return hurt(nil), nil
		}
		if err != nil {
			return false, err
		}
		return hurt(c), w.fair(a)
	})
}

func stopped(c *container.InspectResponse) bool { return c == nil || !c.State.Running }

func restarts(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.victim(ctx)
	if err != nil {
		return false, err
	}
	before, err := w.look(ctx, id)
	if err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodPost, "/containers/"+id+"/restart?t=0", nil)
	if err != nil {
		return false, err
	}
	now, err := w.look(ctx, id)
	return err == nil && now.State.StartedAt != before.State.StartedAt, errOr(err, w.fair(a))
}

// reads reads victor's secret, and sees anything else that is only his.
func reads(rest string) attack { return sees(rest, "") }

func sees(rest, what string) attack {
	return onVictim(func(ctx context.Context, w *EngineWorld, id string) (bool, error) {
		a, err := w.mallory.send(ctx, http.MethodGet, "/containers/"+id+rest, nil)
		if err != nil {
			return false, err
		}
		want := what
		if want == "" {
			want = w.secret
		}
		return a.ok() && bytes.Contains(a.body, []byte(want)), w.fair(a)
	})
}

func commits(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.victim(ctx)
	if err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodPost, "/commit?container="+id+"&repo="+w.name+"/stolen&tag=1", nil)
	if err != nil || !a.ok() {
		return false, errOr(err, w.fairIf(a))
	}
	return runs(func(w *EngineWorld) fields {
		c := of("/bin/cat", "/secret")
		c["Image"] = w.name + "/stolen:1"
		return c
	}, saysSecret())(ctx, w)
}

// renameRace names a container of one's own as somebody else's short id, and takes the name away again and again while stopping what
// has it: an engine that is called by name then stops the other.
func renameRace(ctx context.Context, w *EngineWorld) (bool, error) {
	victim, err := w.victim(ctx)
	if err != nil {
		return false, err
	}
	mine, err := w.own(ctx)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	until := time.Now().Add(3 * time.Second)
	short := victim[:12]
	var wait sync.WaitGroup
	wait.Go(func() {
		for i := 0; time.Now().Before(until); i++ {
			name := short
			if i%2 == 1 {
				name = w.name + "-mine"
			}
			_, _ = w.mallory.send(ctx, http.MethodPost, "/containers/"+mine+"/rename?name="+name, nil)
		}
	})
	for time.Now().Before(until) {
		_, _ = w.mallory.send(ctx, http.MethodPost, "/containers/"+short+"/kill?signal=KILL", nil)
	}
	wait.Wait()
	c, err := w.look(ctx, victim)
	return err == nil && stopped(c), err
}

func linksTo(ctx context.Context, w *EngineWorld) (bool, error) {
	victim, err := w.victim(ctx)
	if err != nil {
		return false, err
	}
	return runs(func(*EngineWorld) fields { return with(plain(), "Links", []string{victim + ":there"}) }, is(func(c *container.InspectResponse) bool {
		return len(c.HostConfig.Links) == 1
	}))(ctx, w)
}

// labelled says whether a container has a label that says to be somebody else's.
func labelled(body func(w *EngineWorld) fields) attack {
	return makes(body, func(c *container.InspectResponse) bool {
		for k, v := range c.Config.Labels {
			if strings.EqualFold(k, "io.bulkhead.owner") && v == "victor" {
				return true
			}
		}
		return false
	})
}
