package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/drill/ground"
	"github.com/bulkhead-security/bulkhead/model"
)

// fields are a JSON object.
type fields = map[string]any

// attack is an attack on an engine through its door.
type attack func(ctx context.Context, w *EngineWorld) (bool, error)

// guardDrill describes a drill of 8.1.c.
func guardDrill(id, technique, title string, do attack, threats ...string) Drill {
	if len(threats) == 0 {
		threats = []string{"7.6.a"}
	}
	return Drill{
		Drill: model.Drill{
			ID: "8.1.c/" + id, Requirement: "8.1.c", Threats: threats, Technique: technique, Title: title, Needs: []string{"root", "engine"},
		},
		Control: ControlGuard, Door: do,
	}
}

// proof says whether an attack that came through had its effect: it looks at the engine itself, or at what the container saw.
type proof func(ctx context.Context, w *EngineWorld, c *container.InspectResponse) (bool, error)

// plain is a container that does nothing for long.
func plain() fields { return of("/bin/sleep", "600") }

// of is a container that runs a command.
func of(command ...string) fields { return fields{"Image": ground.Image, "Cmd": command} }

// with adds a field of HostConfig to a container.
func with(c fields, pairs ...any) fields {
	host, ok := c["HostConfig"].(fields)
	if !ok {
		host = fields{}
		c["HostConfig"] = host
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if name, ok := pairs[i].(string); ok {
			host[name] = pairs[i+1]
		}
	}
	return c
}

// runs is the attack of a container that should not be: it is made and started, and has its effect.
func runs(body func(w *EngineWorld) fields, effect proof) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		id, err := w.make(ctx, body(w))
		if err != nil || id == "" {
			return false, err
		}
		return w.startAndProve(ctx, id, effect)
	}
}

// makes is the attack of a container that this machine need not be able to start.
func makes(body func(w *EngineWorld) fields, effect func(c *container.InspectResponse) bool) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		id, err := w.make(ctx, body(w))
		if err != nil || id == "" {
			return false, err
		}
		c, err := w.look(ctx, id)
		return err == nil && effect(c), err
	}
}

// make makes a container as mallory; no id says that it was refused.
func (w *EngineWorld) make(ctx context.Context, body any) (string, error) {
	if f, ok := body.(fields); ok && w.here != nil {
		f["Image"] = w.image()
	}
	a, err := w.mallory.send(ctx, http.MethodPost, "/containers/create?name="+w.name+"-m", body)
	if err != nil {
		return "", err
	}
	if w.here != nil && a.made() {
		return "", errCame
	}
	return a.id(), w.fair(a)
}

func (w *EngineWorld) startAndProve(ctx context.Context, id string, effect proof) (bool, error) {
	a, err := w.mallory.send(ctx, http.MethodPost, "/containers/"+id+"/start", nil)
	if err != nil {
		return false, err
	}
	if !a.ok() {
		return false, w.fair(a)
	}
	c, err := w.root.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return false, fmt.Errorf("look at what the attack made: %w", err)
	}
	return effect(ctx, w, &c.Container)
}

// fair is an error where an attack failed for another reason than the guard: it proves nothing then.
func (w *EngineWorld) fair(a *answer) error {
	if a.ok() || w.guard != nil && a.status < http.StatusInternalServerError {
		return nil
	}
	return fmt.Errorf("the engine itself did not take it: %s", a)
}

// is proves by what the engine says of the running container.
func is(what func(c *container.InspectResponse) bool) proof {
	return func(_ context.Context, _ *EngineWorld, c *container.InspectResponse) (bool, error) {
		return c.State.Running && what(c), nil
	}
}

// says proves by what the container wrote before it ended.
func says(what func(w *EngineWorld, text string) bool) proof {
	return func(ctx context.Context, w *EngineWorld, c *container.InspectResponse) (bool, error) {
		text, err := w.output(ctx, c.ID)
		return what(w, text), err
	}
}

// saysSecret proves that the host's file was read.
func saysSecret() proof {
	return says(func(w *EngineWorld, text string) bool { return strings.Contains(text, w.secret) })
}

// output waits for a container's end and reads what it wrote.
func (w *EngineWorld) output(ctx context.Context, id string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	wait := w.root.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case err := <-wait.Error:
		return "", fmt.Errorf("wait for the container: %w", err)
	case <-wait.Result:
	}
	return w.wrote(ctx, id)
}

// wrote reads what a container wrote so far.
func (w *EngineWorld) wrote(ctx context.Context, id string) (string, error) {
	logs, err := w.root.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		return "", fmt.Errorf("read what the container wrote: %w", err)
	}
	defer logs.Close()
	var text strings.Builder
	if _, err := stdcopy.StdCopy(&text, &text, io.LimitReader(logs, most)); err != nil {
		return "", fmt.Errorf("read what the container wrote: %w", err)
	}
	return text.String(), nil
}

// inside runs a command in a container as root and gives what it wrote.
func (w *EngineWorld) inside(ctx context.Context, id string, command ...string) (string, error) {
	made, err := w.root.ExecCreate(ctx, id, client.ExecCreateOptions{Cmd: command, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return "", fmt.Errorf("run in a container: %w", err)
	}
	s, err := w.root.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		return "", fmt.Errorf("run in a container: %w", err)
	}
	defer s.Close()
	var text strings.Builder
	_, err = stdcopy.StdCopy(&text, &text, io.LimitReader(s.Reader, most))
	return text.String(), err
}

// errRefused is in the way of a helper that needs what was refused.
var errRefused = errors.New("it was refused")

// must makes a call of somebody that has to come through, since the attack needs what it makes.
func (w *EngineWorld) must(ctx context.Context, c *caller, target string, body any) (*answer, error) {
	a, err := c.send(ctx, http.MethodPost, target, body)
	if err == nil && !a.ok() {
		err = fmt.Errorf("POST %s as %s: %w: %s", target, c.Name, errRefused, a)
	}
	return a, err
}

// object decodes a JSON object of an answer.
func (a *answer) object() fields {
	var f fields
	if json.Unmarshal(a.body, &f) != nil {
		return nil
	}
	return f
}

// errOr is the first of two; fair is asked only where there was an answer.
func errOr(err, fair error) error {
	if err != nil {
		return err
	}
	return fair
}

// look looks at a container as it is.
func (w *EngineWorld) look(ctx context.Context, id string) (*container.InspectResponse, error) {
	c, err := w.root.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return nil, fmt.Errorf("look at a container: %w", err)
	}
	return &c.Container, nil
}

// own makes a container as mallory that she may have, and starts it.
func (w *EngineWorld) own(ctx context.Context) (string, error) {
	return w.madeBy(ctx, w.mallory, "own", plain())
}

// madeBy makes and starts a container that its owner may have.
func (w *EngineWorld) madeBy(ctx context.Context, c *caller, name string, body fields) (string, error) {
	a, err := w.must(ctx, c, "/containers/create?name="+w.name+"-"+name, body)
	if err != nil {
		return "", err
	}
	_, err = w.must(ctx, c, "/containers/"+a.id()+"/start", nil)
	return a.id(), err
}

// eventually reads a file of a running container that a program in it is about to write.
func (w *EngineWorld) eventually(ctx context.Context, id, path string) (string, error) {
	for range 50 {
		text, err := w.inside(ctx, id, "/bin/cat", path)
		if err != nil {
			return "", err
		}
		if text != "" && !strings.Contains(text, "No such file") {
			return text, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return "", nil
}
