package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/drill/ground"
	"github.com/bulkhead-security/bulkhead/model"
)

// isHarmless says whether a drill may run at a guard that is in use: all that it does is to ask for one container, by a name of its own. Where
// it is refused nothing was made; where it is not, what was made does not run, and is removed at once.
func isHarmless(d *Drill) bool {
	id, ok := strings.CutPrefix(d.ID, "8.1.c/")
	return ok && (slices.ContainsFunc([]string{"capability", "seccomp-", "body-", "length-"}, func(p string) bool { return strings.HasPrefix(id, p) }) || slices.Contains([]string{
		"privileged-create", "device", "device-cgroup-rule", "device-request", "apparmor-off", "selinux-off", "masked-paths", "read-only-paths", "cgroup-parent",
		"oom-score", "sysctl", "host-pid", "host-network", "host-ipc", "host-uts", "host-user", "bind-root", "bind-slashes", "bind-mount-list",
		"bind-engine-socket", "own-label", "own-label-case", "content-type", "content-type-twice", "content-encoding",
		"chunked", "chunk-extensions", "bare-newlines", "pipelined", "expect-continue",
		"http-1-0", "upgrade-on-create", "path-encoded", "path-encoded-slash", "path-double-slash", "path-dot-segments", "path-encoded-dots", "path-odd-version",
		"absolute-target", "http2",
	}, id))
}

// errCame says that an attack at a guard in use came through.
var errCame = errors.New("it came through")

// here is a run at a guard that is in use, by whoever runs it.
type here struct {
	socket, image string
}

// Here runs the half of drills that has the control on at a guard that is in use, as whoever runs it, and says so of each. The other half
// would take the engine from behind its guard. Drills that need more than to ask for a container are told to need a throw-away engine.
func Here(ctx context.Context, socket string, drills []Drill, tell Progress) (model.DrillReport, error) {
	h, err := atGuard(ctx, socket)
	if err != nil {
		return model.DrillReport{}, err
	}
	report := model.DrillReport{Schema: model.DrillSchema, Results: []model.DrillResult{}}
	for i := range drills {
		r := h.run(ctx, &drills[i])
		report.Results = append(report.Results, r)
		if tell != nil {
			tell(r, i+1, len(drills))
		}
	}
	return report, nil
}

// dialUnix connects as the process itself.
func dialUnix(socket string) func(ctx context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "unix", socket)
	}
}

func (h *here) caller() (*caller, error) {
	c := &caller{Person: Person{Name: "who runs the drill"}, door: h.socket, dial: dialUnix(h.socket)}
	return c, c.open()
}

// atGuard makes sure that it is a guard that is talked to, that it knows who asks, and that there is an image that may be run.
func atGuard(ctx context.Context, socket string) (*here, error) {
	h := &here{socket: socket}
	c, err := h.caller()
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.close() }()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	a, err := c.send(ctx, http.MethodGet, "/bulkhead-drill", nil)
	switch {
	case err != nil:
		return nil, fmt.Errorf("nobody answers at %s: %w; name the guard's own socket (guard.socket)", socket, err)
	case !byGuard(a):
		return nil, fmt.Errorf("%s is not a guard's socket (it answers %s): name the guard's own socket (guard.socket), and not the engine's", socket, a)
	case a.status == http.StatusUnauthorized:
		return nil, fmt.Errorf("the guard knows nobody here: run the drill as somebody who has an account: %s", a)
	}
	if a, err = c.send(ctx, http.MethodGet, "/images/json", nil); err != nil || !a.ok() {
		return nil, fmt.Errorf("images of the engine behind %s: %w %s", socket, err, said(a))
	}
	names, err := named(a)
	if err != nil {
		return nil, fmt.Errorf("images of the engine behind %s: %w", socket, err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("whoever runs the drill sees no image behind %s: pull one first, e.g. docker pull busybox", socket)
	}
	h.image, err = c.mayMake(ctx, names)
	return h, err
}

// named are the images of a list that have a name.
func named(a *answer) (names []string, err error) {
	var images []struct{ RepoTags []string }
	if err := json.Unmarshal(a.body, &images); err != nil {
		return nil, err
	}
	for _, i := range images {
		for _, name := range i.RepoTags {
			if name != "<none>:<none>" {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// mostTried are the images that a plain container is tried of.
const mostTried = 5

// mayMake makes a plain container of one of these images, which is not started, and removes it again: whoever is refused that is refused
// every attack too, which would say nothing of them.
func (c *caller) mayMake(ctx context.Context, images []string) (image string, err error) {
	var a *answer
	for _, image = range images[:min(len(images), mostTried)] {
		body := plain()
		body["Image"] = image
		if a, err = c.send(ctx, http.MethodPost, "/containers/create?name="+drillName()+"-plain", body); err != nil {
			return "", fmt.Errorf("make a plain container: %w", err)
		}
		if a.made() {
			return image, c.remove(ctx, a.id())
		}
	}
	return "", fmt.Errorf("whoever runs the drill is refused a plain container of %s, so that a refusal of an attack would prove nothing (%s): "+
		"run it as somebody who may make containers, or pull an image that they may be made of", image, a)
}

// drillName begins the names of what a drill makes.
func drillName() string { return "bulkhead-drill-" + uuid.NewString()[:8] }

// remove removes a container; one that is not there is fine.
func (c *caller) remove(ctx context.Context, id string) error {
	a, err := c.send(ctx, http.MethodDelete, "/containers/"+url.PathEscape(id)+"?force=1&v=1", nil)
	if err == nil && !a.ok() && a.status != http.StatusNotFound {
		err = errors.New(a.String())
	}
	if err != nil {
		return fmt.Errorf("the container %.64s was made and could not be removed by whoever runs the drill: have somebody who may do so (docker rm -f %.64s): %w", id, id, err)
	}
	return nil
}

func said(a *answer) string {
	if a == nil {
		return ""
	}
	return a.String()
}

// byGuard says whether an answer is a refusal of a guard's.
func byGuard(a *answer) bool {
	var m struct{ Message string }
	return !a.ok() && json.Unmarshal(a.body, &m) == nil && strings.HasPrefix(m.Message, "bulkhead: ")
}

const notHere = "Not shown here: that it succeeds without the guard, which takes a throw-away engine (leave out --engine)"

func (h *here) run(ctx context.Context, d *Drill) model.DrillResult {
	start := time.Now()
	r := model.DrillResult{ID: d.ID, WithoutControl: model.AttackNotRun, WithControl: model.AttackNotRun, Verdict: model.VerdictCannotRun}
	if !isHarmless(d) {
		r.Why = "it needs a throw-away engine: leave out --engine"
		return finish(r, start)
	}
	came, records, err := h.attack(ctx, d)
	switch {
	case came:
		r.WithControl, r.Verdict = model.AttackSucceeded, model.VerdictNotProved
		r.Why = "the attack came through the guard that is in use: the container was made. It was not started, and is removed again"
		if err != nil {
			r.Why = "the attack came through the guard that is in use: the container was made. It was not started. " + err.Error()
		}
	case err != nil:
		r.Why = err.Error()
	case len(records) == 0:
		r.WithControl, r.Verdict = model.AttackFailed, model.VerdictNotProved
		r.Why = "nothing was made, but no answer says that the guard refused and recorded it"
	default:
		r.WithControl, r.Verdict = model.AttackFailed, model.VerdictHeld
		r.Why = fmt.Sprintf("the guard that is in use refused it (audit record %s), and nothing was made. %s", records[len(records)-1], notHere)
	}
	return finish(r, start)
}

// attack makes the attack, and removes what it made.
func (h *here) attack(ctx context.Context, d *Drill) (came bool, records []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c, err := h.caller()
	if err != nil {
		return false, nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	var mu sync.Mutex
	var made []string
	pattern := regexp.MustCompile(`audit record: ([0-9a-f-]{36})`)
	c.said = func(a *answer) {
		mu.Lock()
		defer mu.Unlock()
		if id := pattern.FindSubmatch(a.body); byGuard(a) && id != nil {
			records = append(records, string(id[1]))
		}
		// What came past the guard has no label that says whose it is: whoever runs the drill does not see it in a list.
		if id := a.id(); a.made() && id != "" && len(made) < mostMade {
			made = append(made, id)
		}
	}
	const nowhere = "/nonexistent/bulkhead-drill"
	w := &EngineWorld{
		engine: &ground.Engine{Socket: "/run/docker.sock", Dir: nowhere}, guard: &Guard{Socket: h.socket}, door: h.socket, root: c.cli, mallory: c,
		dir: nowhere, home: nowhere, name: drillName(), secret: uuid.NewString(), here: h,
	}
	_, err = d.Door(ctx, w)
	if errors.Is(err, errCame) {
		came, err = true, nil
	}
	left, lerr := w.takeAway(context.WithoutCancel(ctx))
	mu.Lock()
	ids := slices.Clone(made)
	mu.Unlock()
	for _, id := range ids {
		lerr = errors.Join(lerr, c.takeAwayOne(context.WithoutCancel(ctx), id))
	}
	return came || left || len(ids) > 0, records, errors.Join(err, lerr)
}

// mostMade are the containers of one attack that are kept in mind.
const mostMade = 16

func (c *caller) takeAwayOne(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return c.remove(ctx, id)
}

// takeAway removes the containers that the attack made, by their names, and says whether there were any.
func (w *EngineWorld) takeAway(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	list, err := w.root.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return false, fmt.Errorf("look for what the attack made: %w", err)
	}
	var errs []error
	found := false
	for _, c := range list.Items {
		if !slices.ContainsFunc(c.Names, func(n string) bool { return strings.HasPrefix(n, "/"+w.name) }) {
			continue
		}
		found = true
		if _, err := w.root.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			errs = append(errs, fmt.Errorf("the attack made the container %s, which could not be removed: do so (docker rm -f %s): %w", c.ID, c.ID, err))
		}
	}
	return found, errors.Join(errs...)
}

// image is what containers of a drill are made of.
func (w *EngineWorld) image() string {
	if w.here != nil {
		return w.here.image
	}
	return ground.Image
}
