//go:build e2e

package guard

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// script reads the calls of a script. A line that begins with "~ " is refused by the guard in its own words, and "=" compares what there is of a
// swarm's at that point: at the end it is gone.
func script(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "calls", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestClients: for somebody who may do everything, what people type gives the same through the door as without it, and leaves the same behind.
func TestClients(t *testing.T) {
	old, newest := clients(t)
	for _, kind := range []lab.Kind{lab.Debian, lab.Current} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			r := newRecorder(t, string(kind))
			p := newPair(t, kind, r)
			began, calls := time.Now(), 0
			own, other := old, newest
			if kind == lab.Current {
				own, other = newest, old
			}
			for _, part := range []struct {
				client  client
				scripts []string
			}{{own, []string{"containers", "images", "networks", "compose"}}, {other, []string{"mixed", "compose"}}, {own, []string{"engine", "swarm"}}} {
				for _, name := range part.scripts {
					r.client = part.client.name
					t.Run(part.client.name+"/"+name, func(t *testing.T) { calls += play(t, p, part.client, name) })
				}
			}
			t.Logf("%d calls on each side in %s", calls, time.Since(began).Round(time.Second))
		})
	}
}

// play runs a script on both sides and compares what it says and leaves.
func play(t *testing.T, p *pair, c client, name string) int {
	t.Helper()
	lines := script(t, name)
	for _, s := range p.sides() {
		if err := s.equip(c); err != nil {
			t.Fatal(err)
		}
	}
	for i, line := range lines {
		if line == "=" {
			for _, k := range swarms() {
				if compareState(t, p, k) == 0 {
					t.Errorf("%s:%d: there is nothing to compare in %s", name, i+1, k.list)
				}
			}
			continue
		}
		line, refused := strings.CutPrefix(line, "~ ")
		unique := strings.NewReplacer("NAME", strings.ReplaceAll(c.name, ".", "")+name[:2], "COMPOSE", c.compose).Replace(line)
		began := time.Now()
		got := p.both(t.Context(), c, unique)
		if refused {
			got[0].err, got[1].err = "", ""
		}
		if d := cmp.Diff(got[0].String(), got[1].String()); d != "" {
			t.Errorf("%s:%d: %s\ndirectly, and through the door: %s", name, i+1, line, d)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Logf("%s:%d: %s: %s", name, i+1, took.Round(100*time.Millisecond), line)
		}
		if os.Getenv("BULKHEAD_SHOW") != "" {
			fmt.Printf("%s %s %s:%d: %s\n%s\n", p.kind, c.name, name, i+1, line, got[1])
		}
	}
	compareState(t, p, append(own(), swarms()...)...)
	return len(lines)
}
