package drill

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// inUse answers as a guard does, as far as drills at one in use ask it.
type inUse struct {
	plain, attack int  // what it answers to plain containers, and to others
	keeps         bool // it lets nobody remove what was made

	mu      sync.Mutex
	made    int
	removed []string
}

func (g *inUse) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, "/_ping"):
		w.Header().Set("Api-Version", "1.44")
	case strings.HasSuffix(r.URL.Path, "/images/json"):
		_, _ = io.WriteString(w, `[{"RepoTags":["<none>:<none>"]},{"RepoTags":["busybox:1"]}]`)
	case strings.HasSuffix(r.URL.Path, "/containers/json"):
		_, _ = io.WriteString(w, `[]`) // what has no owner, a developer does not see
	case strings.HasSuffix(r.URL.Path, "/containers/create"):
		g.create(w, r)
	case r.Method == http.MethodDelete && !g.keeps:
		g.removed = append(g.removed, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
		w.WriteHeader(http.StatusNoContent)
	default:
		refuse(w, http.StatusForbidden)
	}
}

func (g *inUse) create(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	status := g.attack
	var c struct{ HostConfig json.RawMessage }
	if json.Unmarshal(body, &c) == nil && c.HostConfig == nil {
		status = g.plain
	}
	switch {
	case status == http.StatusCreated:
		g.made++
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"Id":"%064x"}`, g.made)
	case status < http.StatusBadRequest:
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	default:
		refuse(w, status)
	}
}

func refuse(w http.ResponseWriter, status int) {
	w.WriteHeader(status)
	fmt.Fprint(w, `{"message":"bulkhead: no; audit record: 0198f2c4-0000-7000-8000-000000000000"}`)
}

func (g *inUse) at(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: g}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return socket
}

// chosen are some drills, one of each way to send.
func chosen(t *testing.T) (list []Drill) {
	t.Helper()
	for _, d := range guards() {
		if slices.Contains([]string{"8.1.c/privileged-create", "8.1.c/body-case", "8.1.c/pipelined", "8.1.c/chunked"}, d.ID) {
			list = append(list, d)
		}
	}
	if len(list) != 4 {
		t.Fatalf("%d drills", len(list))
	}
	return list
}

// TestHere: what an answer says of an attack at a guard in use, and what becomes of what came through.
func TestHere(t *testing.T) {
	for name, c := range map[string]struct {
		g       *inUse
		verdict model.Verdict
		result  model.AttackResult
		why     string
		removed int
	}{
		"refused":             {&inUse{plain: 201, attack: 403}, model.VerdictHeld, model.AttackFailed, "refused it", 1},
		"came":                {&inUse{plain: 201, attack: 201}, model.VerdictNotProved, model.AttackSucceeded, "is removed again", 5},
		"led elsewhere":       {&inUse{plain: 201, attack: 307}, model.VerdictNotProved, model.AttackFailed, "nothing was made", 1},
		"refused unannounced": {&inUse{plain: 201, attack: 400}, model.VerdictHeld, model.AttackFailed, "refused it", 1},
	} {
		report, err := Here(t.Context(), c.g.at(t), chosen(t), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, r := range report.Results {
			if r.Verdict != c.verdict || r.WithControl != c.result || !strings.Contains(r.Why, c.why) {
				t.Errorf("%s: %+v", name, r)
			}
		}
		if c.g.mu.Lock(); len(c.g.removed) != c.removed {
			t.Errorf("%s: removed %q", name, c.g.removed)
		}
		c.g.mu.Unlock()
	}
}

// TestHereLeftBehind: whoever may not remove what came through is told what it is.
func TestHereLeftBehind(t *testing.T) {
	g := &inUse{plain: 201, attack: 201}
	socket := g.at(t)
	h, err := atGuard(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	g.keeps = true
	g.mu.Unlock()
	list := chosen(t)
	r := h.run(t.Context(), &list[0])
	if r.Verdict != model.VerdictNotProved || r.WithControl != model.AttackSucceeded || !strings.Contains(r.Why, fmt.Sprintf("docker rm -f %064x", 2)) {
		t.Errorf("%+v", r)
	}
	if _, err := atGuard(t.Context(), socket); err == nil || !strings.Contains(err.Error(), "could not be removed") {
		t.Error(err)
	}
}

// TestHereWhoMayNothing: an account that may make no container at all is not taken for attacks that were held.
func TestHereWhoMayNothing(t *testing.T) {
	g := &inUse{plain: 403, attack: 403}
	report, err := Here(t.Context(), g.at(t), chosen(t), nil)
	if err == nil || !strings.Contains(err.Error(), "is refused a plain container of busybox:1") || len(report.Results) > 0 {
		t.Errorf("%+v: %v", report.Results, err)
	}
}
