package guarded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/bulkhead-security/bulkhead/cmd/internal/clock"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/guard/sessions"
)

// holdsEvery is how often the right to an open terminal is asked about.
const holdsEvery = 2 * time.Second

// terminals look after what goes over exec and attach. It implements guard/daemon's Sessions.
type terminals struct {
	engine   *forward.Engine
	recorder *sessions.Recorder // nil records nothing
	settings config.GuardSessions
	host     string
	log      *slog.Logger

	mu   sync.Mutex
	open map[string][]*sessions.Recording // by the id of the exec or container
}

// newTerminals opens the place for recordings, where anything is recorded.
func newTerminals(c config.Guard, engine *forward.Engine, dir, host string, l judge.Recorder, log *slog.Logger) (*terminals, error) {
	t := &terminals{engine: engine, settings: c.Sessions, host: host, log: log, open: map[string][]*sessions.Recording{}}
	if c.Sessions.Record == config.RecordNever || len(c.Sessions.Recipients) == 0 {
		return t, nil
	}
	var err error
	t.recorder, err = sessions.New(sessions.Options{
		Dir: c.Sessions.Path(dir), Recipients: c.Sessions.Recipients, Input: c.Sessions.Input, MostBytes: c.Sessions.MostBytes,
		MostTotal: c.Sessions.MostTotal, Keep: c.Sessions.Keep, Log: log,
		Seal: func(ctx context.Context, e sessions.Entry) (string, error) {
			r := e.Record()
			id, err := judge.NewID()
			if err != nil {
				return "", err
			}
			r.ID, r.Time = id, clock.Now()
			return id, l.Append(ctx, r)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("recordings of sessions: %w", err)
	}
	return t, nil
}

// close ends what is under way.
func (t *terminals) close() error {
	if t.recorder == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return t.recorder.Close(ctx)
}

// Run implements guard/daemon's Sessions.
func (t *terminals) Run(
	ctx context.Context, w http.ResponseWriter, a *call.Ask, holds func(context.Context) error,
	run func(context.Context, http.ResponseWriter, forward.Tap) error,
) error {
	info, err := t.about(ctx, a)
	if err != nil {
		return err
	}
	g := &sessions.Guarded{Holds: holds, Every: holdsEvery, Framing: info.Framing}
	tap := forward.Tap{}
	wanted := t.settings.Wanted(a.RecordSession)
	if wanted && t.recorder == nil {
		t.log.WarnContext(ctx, "a session is not recorded: nobody could read it (guard.sessions.recipients)", "account", info.Account, "container", info.Container)
	}
	switch {
	case wanted && t.recorder == nil && t.settings.Required:
		return fmt.Errorf("the session must be recorded, and nobody could read it: set guard.sessions.recipients (`bulkhead guard keys new` makes a pair)")
	case wanted && t.recorder != nil:
		if g.Recording, err = t.recorder.Begin(ctx, info); err != nil {
			return err
		}
		if g.Recording != nil {
			tap.Out, tap.In = g.Recording.Out(), g.Recording.In()
			defer t.follow(a.Object.ID, g.Recording)()
		}
	}
	return g.Run(ctx, w, func(ctx context.Context, w http.ResponseWriter) error { return run(ctx, w, tap) })
}

// follow has the sizes of a terminal go into a recording until what is given back is called.
func (t *terminals) follow(object string, r *sessions.Recording) (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open[object] = append(t.open[object], r)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.open[object] = slices.DeleteFunc(t.open[object], func(o *sessions.Recording) bool { return o == r })
		if len(t.open[object]) == 0 {
			delete(t.open, object)
		}
	}
}

// Resized implements guard/daemon's Sessions: all recordings of the terminal get its new size.
func (t *terminals) Resized(a *call.Ask, width, height int) {
	if a.Object == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.open[a.Object.ID] {
		r.Resize(width, height)
	}
}

// RecordingsIn opens recordings of a guard that have ended, for the control plane that the agent is of.
func RecordingsIn(dir string) func(id string) (io.ReadCloser, int64, error) {
	return func(id string) (io.ReadCloser, int64, error) {
		if len(id) != len("00000000-0000-0000-0000-000000000000") {
			return nil, 0, fmt.Errorf("%.40q is no id of a recording", id)
		}
		f, e, err := sessions.Encrypted(dir, id)
		if err != nil {
			return nil, 0, fmt.Errorf("it is not on the node any more: %w", err)
		}
		if e.ID != id || e.Outcome == sessions.Running {
			return nil, 0, errors.Join(errors.New("it is still being recorded"), f.Close())
		}
		return f, e.Bytes, nil
	}
}

// about says whose session it is, and how it stands on the wire.
func (t *terminals) about(ctx context.Context, a *call.Ask) (sessions.Info, error) {
	p := a.Subject.Principal
	i := sessions.Info{
		Kind: "attach", Account: p.ID, Name: p.Name, Tenant: p.Tenant, Address: a.Subject.Address, Host: t.host, Record: a.Record,
		Framing: sessions.Multiplexed, Required: t.settings.Required,
	}
	o := a.Object
	if o == nil {
		return i, fmt.Errorf("the call names nothing to attach to")
	}
	target := "/containers/" + url.PathEscape(o.ID) + "/json"
	if o.Kind == route.Exec {
		i.Kind, i.Exec, target = "exec", o.ID, "/exec/"+url.PathEscape(o.ID)+"/json"
		o = o.Container
	}
	if o != nil {
		i.Container, i.ContainerName, i.Image = o.ID, o.Name, o.Image
	}
	var said struct {
		Config struct {
			Tty bool
			Cmd []string
		}
		HostConfig struct {
			ConsoleSize []int // height, width
		}
		ProcessConfig struct {
			Tty        bool     `json:"tty"`
			Entrypoint string   `json:"entrypoint"`
			Arguments  []string `json:"arguments"`
		}
	}
	status, text, err := t.engine.Get(ctx, target)
	if err != nil {
		return i, err
	}
	if err := json.Unmarshal(text, &said); err != nil || status != http.StatusOK {
		return i, fmt.Errorf("the engine does not say whether the session has a terminal: %d", status)
	}
	if said.Config.Tty || said.ProcessConfig.Tty {
		i.Framing = sessions.Raw
	}
	// The engine frames an exec by what its start asks for, and a socket of a browser in frames of its own.
	if b, ok := a.Body.(*container.ExecStartRequest); ok {
		i.Framing = sessions.Multiplexed
		if b.Tty {
			i.Framing = sessions.Raw
		}
		if b.ConsoleSize != nil {
			said.HostConfig.ConsoleSize = []int{side(b.ConsoleSize[0]), side(b.ConsoleSize[1])}
		}
	}
	if size := said.HostConfig.ConsoleSize; len(size) == 2 {
		i.Height, i.Width = size[0], size[1]
	}
	if a.Call.Route.Body == route.Socket {
		i.Framing = sessions.WebSocket
	}
	i.Command = said.Config.Cmd
	if i.Kind == "exec" {
		i.Command = append([]string{said.ProcessConfig.Entrypoint}, said.ProcessConfig.Arguments...)
	}
	return i, nil
}

// side is one of a terminal; zero for what is none.
func side(n uint) int {
	if n > 10_000 {
		return 0
	}
	return int(n)
}
