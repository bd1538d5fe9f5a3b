//go:build e2e

package plane

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
	"github.com/bulkhead-security/bulkhead/test/lab"
	"github.com/bulkhead-security/bulkhead/test/sim"
)

// BenchmarkFleet is a fleet that grows: at each size it measures what the server needs while every agent keeps its stream open and
// sends a difference every 30 seconds, and how long it takes until all of them have a new policy.
func BenchmarkFleet(b *testing.B) {
	sizes := []int{100, 1000, 10000}
	if only := os.Getenv("BULKHEAD_FLEET"); only != "" {
		sizes = nil
		for _, part := range strings.Split(only, ",") {
			n, err := strconv.Atoi(part)
			if err != nil {
				b.Fatal(err)
			}
			sizes = append(sizes, n)
		}
	}
	f := newSimFleet(b, sizes[len(sizes)-1], 20)
	for b.Loop() {
		// What the server needs without any is no cost of an agent.
		idle := f.measure(time.Minute)
		b.ReportMetric(idle.cores, "cores-0")
		b.ReportMetric(idle.mib, "MiB-0")
		for _, n := range sizes {
			f.grow(n)
			f.settle(2)
			rest := f.measure(time.Minute)
			b.ReportMetric((rest.cores-idle.cores)*1e6/float64(n), fmt.Sprintf("µcores/agent-%d", n))
			b.ReportMetric(rest.cores, fmt.Sprintf("cores-%d", n))
			b.ReportMetric(rest.mib, fmt.Sprintf("MiB-%d", n))
			b.ReportMetric(f.policy(n).Seconds(), fmt.Sprintf("policy-s-%d", n))
		}
	}
}

// simFleet is a server with simulated agents.
type simFleet struct {
	b      *testing.B
	admin  *person
	secret string
	host   *sim.Host
	agents []*sim.Agent
	rounds int

	mu       sync.Mutex
	failures map[string]int // of agents, by what they are
}

// failed counts a failure. What is the same but for numbers and addresses is one.
func (f *simFleet) failed(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failures == nil {
		f.failures = map[string]int{}
	}
	f.failures[strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return '#'
		}
		return r
	}, err.Error())]++
}

func newSimFleet(b *testing.B, most, containers int) *simFleet {
	env := []string{
		fmt.Sprintf("BULKHEAD_SERVER_LIMITS_CONNECTIONS=%d", most+1000), "BULKHEAD_SERVER_LIMITS_RATE=2000", "BULKHEAD_SERVER_LIMITS_BURST=4000",
		"BULKHEAD_SERVER_SIGN_IN_STEP_UP=1h",
	}
	port, err := lab.FreePort()
	if err != nil {
		b.Fatal(err)
	}
	s, err := lab.Serve(b.Context(), binary(b), filepath.Join(b.TempDir(), "data"), port, env)
	if err != nil {
		b.Fatal(err)
	}
	f := &simFleet{b: b}
	if f.host, err = sim.ReadHost("../../framework/assess/testdata/cases/hardened-debian.txtar", containers); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if b.Failed() {
			b.Logf("the server said:\n%s", tail(s.Log(), 6000))
		}
		if err := s.Stop(); err != nil {
			b.Error(err)
		}
	})
	f.admin = newPerson(b, s)
	f.admin.enrol(s.Link, "admin")
	f.admin.must("tenants", "create", "acme")
	owner := newPerson(b, s)
	owner.enrol(f.admin.invite("owner", "owner"), "owner")
	f.secret = owner.secret()
	return f
}

// grow joins agents until there are n. Each comes from an address of its own, as machines do.
func (f *simFleet) grow(n int) {
	f.b.Helper()
	nodes := bulkheadv1connect.NewNodeServiceClient(&bearer{f.admin.server.Shared(), f.secret}, f.admin.server.URL)
	ctx, cancel := context.WithCancel(f.b.Context())
	f.b.Cleanup(cancel)
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		slot = make(chan struct{}, 32)
		fail error
	)
	for i := len(f.agents); i < n; i++ {
		slot <- struct{}{}
		wg.Go(func() {
			defer func() { <-slot }()
			a := &sim.Agent{
				URL: f.admin.server.URL, Roots: f.admin.server.CA, From: net.IPv4(127, byte(1+i>>16), byte(i>>8), byte(i)), Name: fmt.Sprintf("sim-%05d", i),
				Host: f.host, Every: 30 * time.Second, Changed: 1, Failed: f.failed,
			}
			token, err := nodes.CreateJoinToken(ctx, &bulkheadv1.CreateJoinTokenRequest{Tenant: "acme"})
			if err == nil {
				err = a.Join(ctx, token.GetSecret())
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				fail = err
				return
			}
			f.agents = append(f.agents, a)
			// Their reports are spread over the half minute.
			time.AfterFunc(time.Duration(i%3000)*10*time.Millisecond, func() { a.Run(ctx) })
		})
	}
	wg.Wait()
	if fail != nil {
		f.b.Fatal(fail)
	}
}

// settle waits until all have reported and have their policies, and until the server has assessed as many so many times: what comes after
// is what a fleet needs day after day.
func (f *simFleet) settle(times int) {
	f.b.Helper()
	before := f.assessed()
	f.wait(5*time.Minute, func(a *sim.Agent) bool { return a.Reports.Load() > 1 && a.Policies() > 0 })
	for end := time.Now().Add(10 * time.Minute); f.assessed() < before+times*len(f.agents); time.Sleep(time.Second) {
		if time.Now().After(end) {
			f.b.Fatalf("%d assessments were made of %d agents", f.assessed()-before, len(f.agents))
		}
	}
}

// assessed is how many assessments the server made.
func (f *simFleet) assessed() int {
	f.b.Helper()
	c := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(f.admin.server.Dir, "admin.sock"))
	}}}
	defer c.CloseIdleConnections()
	res, err := c.Get("http://admin/metrics")
	if err != nil {
		f.b.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), "bulkhead_assessments_made "); ok {
			n, err := strconv.ParseFloat(v, 64)
			if err != nil {
				f.b.Fatal(err)
			}
			return int(n)
		}
	}
	f.b.Fatal("the server says not how many assessments it made")
	return 0
}

func (f *simFleet) wait(limit time.Duration, done func(*sim.Agent) bool) {
	f.b.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		left := 0
		for _, a := range f.agents {
			if !done(a) {
				left++
			}
		}
		if left == 0 {
			return
		}
		if time.Now().After(end) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.b.Fatalf("%d of %d agents are not there after %s; what failed: %v", left, len(f.agents), limit, f.failures)
		}
	}
}

// load is what the server needed.
type needed struct{ cores, mib float64 }

func (f *simFleet) measure(long time.Duration) needed {
	f.b.Helper()
	before := f.cpu()
	start := time.Now()
	time.Sleep(long)
	used := f.cpu() - before
	return needed{used.Seconds() / time.Since(start).Seconds(), f.resident()}
}

// cpu is the time that the server has used.
func (f *simFleet) cpu() time.Duration {
	f.b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", f.admin.server.PID()))
	if err != nil {
		f.b.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err1 != nil || err2 != nil {
		f.b.Fatal(err1, err2)
	}
	return time.Duration(user+system) * (time.Second / 100)
}

func (f *simFleet) resident() float64 {
	f.b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.admin.server.PID()))
	if err != nil {
		f.b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				f.b.Fatal(err)
			}
			return kib / 1024
		}
	}
	f.b.Fatal("no VmRSS")
	return 0
}

// policy applies a policy and says when the server knew that all have it.
func (f *simFleet) policy(n int) time.Duration {
	f.b.Helper()
	f.rounds++
	dir := f.b.TempDir()
	text := fmt.Sprintf("@id(\"round-%d\")\n@reason(\"round %d\")\nforbid (principal, action, resource)\nwhen { context.address == \"192.0.2.%d\" };\n", f.rounds, f.rounds, f.rounds)
	if err := os.WriteFile(filepath.Join(dir, "bench.cedar"), []byte(text), 0o600); err != nil {
		f.b.Fatal(err)
	}
	before := f.agents[0].Policies()
	start := time.Now()
	f.admin.must("policy", "apply", dir, "--tenant", "acme", "--yes")
	applied := time.Now()
	f.wait(time.Minute, func(a *sim.Agent) bool { return a.Policies() > before && a.Told() >= a.Policies() })
	f.mu.Lock()
	f.b.Logf("%d agents: applied after %s, all said so %s later; what failed: %v", n, applied.Sub(start), time.Since(applied), f.failures)
	f.failures = nil
	f.mu.Unlock()
	return time.Since(applied)
}

// bearer calls as whoever has the secret.
type bearer struct {
	client *http.Client
	secret string
}

// Do implements connect.HTTPClient.
func (b *bearer) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", "Bearer "+b.secret)
	return b.client.Do(r)
}
