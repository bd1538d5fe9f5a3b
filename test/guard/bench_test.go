//go:build e2e

package guard

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// BenchmarkGuard measures what a way to the engine costs: none, the guard as users run it, HAProxy, and a proxy of Go's own library that looks at
// nothing, in the same run on the same engine. The last says what of the guard's cost is the hop itself.
func BenchmarkGuard(b *testing.B) {
	for _, kind := range []lab.Kind{lab.Current, lab.Debian} {
		b.Run(string(kind), func(b *testing.B) {
			s := newSide(b, kind, "a")
			proxy := filepath.Join(s.dir, "h.sock")
			startHAProxy(b, s.dir, proxy, s.engine.Socket)
			g := startGuard(b, s.dir, s.engine.Socket, "baseline")
			hop := filepath.Join(s.dir, "p.sock")
			startHop(b, hop, s.engine.Socket)
			ways := []way{{"direct", s.engine.Socket}, {"guard", g.socket}, {"haproxy", proxy}, {"hop", hop}}
			direct := plain(s.engine.Socket)
			ahead(b)
			for range 10 { // so that there is something in the list
				timed(b, direct, http.MethodPost, "/v1.41/containers/create", createBody)
			}
			for _, call := range calls {
				b.Run(call.name, func(b *testing.B) {
					for b.Loop() {
						call.measure(b, ways, direct)
						memory(b, g.pid())
					}
				})
			}
			b.Run("streams", func(b *testing.B) {
				for b.Loop() {
					streams(b, ways[:3], s.dir)
					memory(b, g.pid())
				}
			})
		})
	}
}

// ahead has the kernel run this test, and all that it started, before other programs of the machine: engine, guard, HAProxy and caller alike.
func ahead(b *testing.B) {
	b.Helper()
	for own := []string{strconv.Itoa(os.Getpid())}; len(own) > 0; own = own[1:] {
		if out, err := exec.CommandContext(b.Context(), "chrt", "--all-tasks", "--rr", "--pid", "1", own[0]).CombinedOutput(); err != nil {
			b.Logf("process %s stays among the others: %v: %s", own[0], err, out)
		}
		lists, err := filepath.Glob("/proc/" + own[0] + "/task/*/children")
		if err != nil {
			b.Fatal(err)
		}
		for _, list := range lists {
			text, err := os.ReadFile(list)
			if err != nil && !os.IsNotExist(err) { // the thread has ended
				b.Fatal(err)
			}
			own = append(own, strings.Fields(string(text))...)
		}
	}
}

const createBody = `{"Image":"lab/sh:1","Cmd":["sleep","600"],"Env":["A=1","B=2"],"Labels":{"bench":"1"},"HostConfig":{"Memory":67108864,"CapDrop":["ALL"],"ReadonlyRootfs":true,"SecurityOpt":["no-new-privileges"],"NetworkMode":"none"}}`

// measured is a call that is made often.
type measured struct {
	name, method, path, body string
	count, rounds            int
}

var calls = []measured{
	{"list", http.MethodGet, "/v1.41/containers/json?all=1", "", 1000, 5},
	{"create", http.MethodPost, "/v1.41/containers/create", createBody, 100, 4},
}

// measure makes a call in turns on each way, so that what else the machine does meets all alike. A way's figure is its lowest of some rounds.
func (m measured) measure(b *testing.B, ways []way, direct *http.Client) {
	clients := map[string]*http.Client{}
	for _, w := range ways {
		clients[w.name] = plain(w.socket)
		defer clients[w.name].CloseIdleConnections()
	}
	best := map[string]float64{}
	for round := range m.rounds + 1 {
		took := map[string][]time.Duration{}
		for range m.count {
			for _, w := range ways {
				d, answer := timed(b, clients[w.name], m.method, m.path, m.body)
				took[w.name] = append(took[w.name], d)
				if m.body != "" {
					remove(b, direct, answer)
				}
			}
		}
		if round == 0 {
			continue // warm
		}
		for name, list := range took {
			slices.Sort(list)
			for q, d := range map[string]time.Duration{"p50": list[len(list)/2], "p99": list[len(list)*99/100]} {
				unit := q + "-µs-" + name
				if had, ok := best[unit]; !ok || micro(d) < had {
					best[unit] = micro(d)
				}
			}
		}
	}
	for unit, v := range best {
		b.ReportMetric(v, unit)
	}
}

func micro(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

func timed(b *testing.B, c *http.Client, method, path, body string) (time.Duration, []byte) {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, "http://docker"+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	began := time.Now()
	res, err := c.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	took := time.Since(began)
	res.Body.Close()
	if err != nil || res.StatusCode >= 300 {
		b.Fatalf("%s %s: %s %s %v", method, path, res.Status, text, err)
	}
	return took, text
}

// remove takes away what a create made.
func remove(b *testing.B, direct *http.Client, answer []byte) {
	b.Helper()
	id := strings.Split(string(answer), `"`)[3]
	res, text, err := fetch(b.Context(), direct, http.MethodDelete, "/v1.41/containers/"+id) //nolint:bodyclose // fetch closes it
	if err != nil || res.StatusCode != http.StatusNoContent {
		b.Fatalf("remove %s: %v %s %v", answer, res, text, err)
	}
}

// streamed is the size of the image that is loaded and saved.
const streamed = 1 << 30

// streams loads and saves an image of random data on each way.
func streams(b *testing.B, ways []way, dir string) {
	file := filepath.Join(dir, "big.tar")
	script := fmt.Sprintf(`set -e; mkdir -p r; head -c %d /dev/urandom > r/data; tar -C r -c . | docker -H unix://%s import - lab/big:1 >/dev/null; rm -r r; docker -H unix://%[2]s save -o %s lab/big:1`,
		streamed, ways[0].socket, file)
	cmd := exec.CommandContext(b.Context(), "bash", "-c", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("an image of random data: %v: %s", err, out)
	}
	best := map[string]float64{}
	for round := range 3 {
		for i := range ways {
			w := ways[(i+round)%len(ways)] // none is always the one after another
			c := plain(w.socket)
			for _, do := range []struct {
				name string
				run  func() int64
			}{
				{"load", func() int64 { return upload(b, c, file) }},
				{"save", func() int64 { return download(b, c, "/v1.41/images/get?names=lab%2Fbig%3A1") }},
			} {
				unix.Sync() // what the one before left to be written is not this one's
				began := time.Now()
				n := do.run()
				best[do.name+"-MB/s-"+w.name] = max(best[do.name+"-MB/s-"+w.name], float64(n)/1e6/time.Since(began).Seconds())
			}
			c.CloseIdleConnections()
		}
	}
	for _, unit := range slices.Sorted(maps.Keys(best)) {
		b.ReportMetric(best[unit], unit)
	}
}

func upload(b *testing.B, c *http.Client, file string) int64 {
	b.Helper()
	f, err := os.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://docker/v1.41/images/load?quiet=1", f)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-tar")
	res, err := c.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK || strings.Contains(string(text), "error") {
		b.Fatalf("load: %s %s %v", res.Status, text, err)
	}
	return info.Size()
}

func download(b *testing.B, c *http.Client, path string) int64 {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://docker"+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	res, err := c.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil || n < streamed {
		b.Fatalf("save: %s, %d bytes, %v", res.Status, n, err)
	}
	return n
}

// memory reports what a process has: RSS as `ps` shows it, and of that what is its own, and the pages of its program's file, which the kernel
// can drop at any time.
func memory(b *testing.B, pid int) {
	b.Helper()
	m := memoryOf(b, pid)
	for _, name := range []string{"VmRSS", "RssAnon", "RssFile", "VmHWM"} {
		b.ReportMetric(m[name], "MiB-"+name)
	}
}

// memoryOf is what the kernel says of a process's memory, in MiB.
func memoryOf(t testing.TB, pid int) map[string]float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[2] == "kB" {
			kib, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			m[strings.TrimSuffix(f[0], ":")] = kib / 1024
		}
	}
	if m["VmRSS"] == 0 {
		t.Fatal("the process tells no memory")
	}
	return m
}
