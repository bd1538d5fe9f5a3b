//go:build e2e

package guard

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// haproxy filters paths and methods as socket proxies for the engine do, and nothing else.
const haproxy = `global
    maxconn 1000
defaults
    mode http
    timeout connect 10s
    timeout client 10m
    timeout server 10m
frontend guard
    bind unix@%[1]s
    http-request deny unless METH_GET || { path,url_dec -m reg -i ^(/v[\d\.]+)?/(containers/create|images/load) }
    http-request allow if { path,url_dec -m reg -i ^(/v[\d\.]+)?/containers }
    http-request allow if { path,url_dec -m reg -i ^(/v[\d\.]+)?/images }
    http-request allow if { path,url_dec -m reg -i ^(/v[\d\.]+)?/_ping }
    http-request deny
    default_backend engine
backend engine
    server engine unix@%[2]s
`

// BenchmarkGuard measures what a way to the engine costs: none, the guard and HAProxy, in the same run on the same engine.
func BenchmarkGuard(b *testing.B) {
	s := newSide(b, lab.Current, "a")
	proxy := filepath.Join(s.dir, "h.sock")
	startHAProxy(b, s.dir, proxy, s.engine.Socket)
	pid, door := startGuard(b, s.dir, s.engine.Socket)
	ways := []struct{ name, socket string }{{"direct", s.engine.Socket}, {"guard", door}, {"haproxy", proxy}}
	for b.Loop() {
		for _, call := range []struct {
			name, method, path, body string
			count                    int
		}{
			{"list", http.MethodGet, "/v1.44/containers/json", "", 3000},
			{"create", http.MethodPost, "/v1.44/containers/create", createBody, 100},
		} {
			took := map[string][]time.Duration{}
			clients := map[string]*http.Client{}
			for _, w := range ways {
				clients[w.name] = plain(w.socket)
			}
			for i := range call.count { // in turns, so that what else the machine does meets all alike
				for _, w := range ways {
					d := timed(b, clients[w.name], call.method, call.path, call.body)
					if i >= call.count/10 { // warm
						took[w.name] = append(took[w.name], d)
					}
				}
			}
			for _, w := range ways {
				slices.Sort(took[w.name])
				n := len(took[w.name])
				b.ReportMetric(micro(took[w.name][n/2]), call.name+"-p50-µs-"+w.name)
				b.ReportMetric(micro(took[w.name][n*99/100]), call.name+"-p99-µs-"+w.name)
				clients[w.name].CloseIdleConnections()
			}
		}
		streams(b, ways, s.dir)
		b.ReportMetric(resident(b, pid), "MiB-guard")
	}
}

const createBody = `{"Image":"lab/sh:1","Cmd":["sleep","600"],"Env":["A=1","B=2"],"Labels":{"bench":"1"},"HostConfig":{"Memory":67108864,"CapDrop":["ALL"],"ReadonlyRootfs":true,"SecurityOpt":["no-new-privileges"],"NetworkMode":"none"}}`

func micro(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

func timed(b *testing.B, c *http.Client, method, path, body string) time.Duration {
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
	return took
}

// streamed is the size of the image that is loaded and saved.
const streamed = 1 << 30

// streams loads and saves an image of random data on each way.
func streams(b *testing.B, ways []struct{ name, socket string }, dir string) {
	file := filepath.Join(dir, "big.tar")
	script := fmt.Sprintf(`set -e; mkdir -p r; head -c %d /dev/urandom > r/data; tar -C r -c . | docker -H unix://%s import - lab/big:1 >/dev/null; rm -r r; docker -H unix://%[2]s save -o %s lab/big:1`,
		streamed, ways[0].socket, file)
	cmd := exec.CommandContext(b.Context(), "bash", "-c", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("an image of random data: %v: %s", err, out)
	}
	best := map[string]float64{}
	for range 2 {
		for _, w := range ways {
			c := plain(w.socket)
			for _, do := range []struct {
				name string
				run  func() int64
			}{
				{"load", func() int64 { return upload(b, c, file) }},
				{"save", func() int64 { return download(b, c, "/v1.44/images/get?names=lab%2Fbig%3A1") }},
			} {
				began := time.Now()
				n := do.run()
				best[do.name+"-"+w.name] = max(best[do.name+"-"+w.name], float64(n)/1e6/time.Since(began).Seconds())
			}
			c.CloseIdleConnections()
		}
	}
	for name, rate := range best {
		verb, way, _ := strings.Cut(name, "-")
		b.ReportMetric(rate, verb+"-MB/s-"+way)
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
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://docker/v1.44/images/load?quiet=1", f)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-tar")
	res, err := c.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK || bytes.Contains(text, []byte("error")) {
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

// startHAProxy starts Debian's HAProxy as a filter of paths before the engine.
func startHAProxy(b *testing.B, dir, at, engine string) {
	b.Helper()
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(fmt.Sprintf(haproxy, at, engine)), 0o600); err != nil {
		b.Fatal(err)
	}
	started(b, exec.CommandContext(b.Context(), "/usr/sbin/haproxy", "-db", "-f", file), at)
}

// startGuard starts the door as a process of its own, so that its memory can be told from the test's.
func startGuard(b testing.TB, dir, engine string) (pid int, socket string) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	socket = filepath.Join(dir, "g.sock")
	cmd := exec.CommandContext(b.Context(), self, "-test.run", "^TestServeDoor$")
	cmd.Env = append(os.Environ(), doorEnv+"="+socket+" "+engine)
	started(b, cmd, socket)
	return cmd.Process.Pid, socket
}

// started runs a program until the benchmark ends, and waits for its socket.
func started(b testing.TB, cmd *exec.Cmd, socket string) {
	b.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		b.Fatalf("%s: %v (scripts/setup installs what is missing)", cmd.Path, err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 200 {
		ctx, cancel := context.WithTimeout(b.Context(), time.Second)
		_, _, err := fetch(ctx, plain(socket), http.MethodGet, "/_ping") //nolint:bodyclose // fetch closes it
		cancel()
		if err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.Fatalf("%s does not answer at %s: %s", cmd.Path, socket, out.String())
}

// doorEnv says to TestServeDoor where to listen and before which engine.
const doorEnv = "BULKHEAD_TEST_DOOR"

// TestServeDoor is no test but the door as a process, for those that measure or kill it.
func TestServeDoor(t *testing.T) {
	at, engine, ok := strings.Cut(os.Getenv(doorEnv), " ")
	if !ok {
		return
	}
	guarded(t, at, engine, nil)
	select {}
}

// resident is the memory of a process, in MiB.
func resident(b *testing.B, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmHWM:" {
			kib, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kib / 1024
		}
	}
	b.Fatal("the process tells no memory")
	return 0
}
