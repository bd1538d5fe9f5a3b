//go:build e2e

package guard

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// leakCalls are made of a running guard, in an order that BULKHEAD_SEED gives; `make soak` sets BULKHEAD_GUARD_CALLS to 10,000.
const leakCalls = 800

// What a guard may have more after the calls than before them: pools, and a heap that is not collected yet.
const (
	moreFiles = 16
	moreMiB   = 16
)

// TestNothingLeaks: after many calls of all kinds, refused ones, broken off ones and terminals among them, the product has no more descriptors and
// no more memory than before; while a hundred slow callers hang on it, it works on.
func TestNothingLeaks(t *testing.T) {
	calls, seed := number(t, "BULKHEAD_GUARD_CALLS", leakCalls), number(t, "BULKHEAD_SEED", 1)
	s := newSide(t, lab.Debian, "a")
	g := startGuard(t, s.dir, s.engine.Socket, "baseline")
	direct := plain(s.engine.Socket)
	for _, call := range []string{"POST /v1.41/containers/create?name=web", "POST /v1.41/containers/web/start"} {
		method, path, _ := strings.Cut(call, " ")
		body := ""
		if strings.Contains(path, "create") {
			body = createBody
		}
		if status, text := send(t, direct, method, path, body); status >= 300 {
			t.Fatal(call, status, text)
		}
	}
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	slow(t, g.socket)
	many(t, s, g, r, calls/10) // pools fill
	files, memory := settledAt(t, g, 0, 0)
	many(t, s, g, r, calls)
	f, m := settledAt(t, g, files+moreFiles, memory+moreMiB)
	t.Logf("seed %d: %d descriptors and %.1f MiB of its own before, %d and %.1f after %d calls", seed, files, memory, f, m, calls)
	if f > files+moreFiles || m > memory+moreMiB {
		t.Errorf("it has %d descriptors and %.1f MiB more than before", f-files, m-memory)
	}
}

func number(t *testing.T, name string, or int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return or
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// slow has a hundred callers connect that say half of something until the test ends.
func slow(t *testing.T, socket string) {
	t.Helper()
	for i := range 100 {
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if i%2 == 0 {
			if _, err := io.WriteString(c, "POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// many makes calls, eight at a time.
func many(t *testing.T, s *side, g *running, r *rand.Rand, calls int) {
	t.Helper()
	kinds := make([]int, calls)
	for i := range kinds {
		kinds[i] = r.IntN(8)
	}
	client := plain(g.socket)
	defer client.CloseIdleConnections()
	direct := plain(s.engine.Socket)
	defer direct.CloseIdleConnections()
	next := make(chan int)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for kind := range next {
				if err := oneCall(t, client, direct, g.socket, kind); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, kind := range kinds {
		next <- kind
	}
	close(next)
	wait.Wait()
}

// oneCall makes a call of a kind, and says what is wrong with the answer.
func oneCall(t *testing.T, client, direct *http.Client, socket string, kind int) error {
	want := func(is, status int, text string) error {
		if is != status {
			return fmt.Errorf("kind %d: %d %s", kind, is, text)
		}
		return nil
	}
	switch kind {
	case 0:
		status, text := send(t, client, http.MethodPost, "/v1.41/containers/create", createBody)
		if err := want(status, http.StatusCreated, text); err != nil {
			return err
		}
		status, text = send(t, direct, http.MethodDelete, "/v1.41/containers/"+strings.Split(text, `"`)[3], "")
		return want(status, http.StatusNoContent, text)
	case 1: // not strict
		status, text := send(t, client, http.MethodPost, "/v1.41/containers/create", `{"image":"lab/sh:1"}`)
		return want(status, http.StatusBadRequest, text)
	case 2: // the baseline refuses it
		status, text := send(t, client, http.MethodPost, "/v1.41/containers/create", `{"Image":"lab/sh:1","HostConfig":{"Privileged":true}}`)
		return want(status, http.StatusForbidden, text)
	case 3:
		status, text := send(t, client, http.MethodGet, "/v1.41/containers/none/json", "")
		return want(status, http.StatusNotFound, text)
	case 4:
		return leave(socket, "GET /v1.41/images/get?names=lab%2Fsh%3A1 HTTP/1.1\r\nHost: d\r\n\r\n", http.StatusOK)
	case 5:
		return leave(socket, "POST /v1.41/containers/web/attach?stream=1&stdout=1&stdin=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n", http.StatusSwitchingProtocols)
	case 6:
		return leave(socket, "GET /v1.41/events HTTP/1.1\r\nHost: d\r\n\r\n", http.StatusOK)
	}
	status, text := send(t, client, http.MethodGet, "/v1.41/containers/json?all=1", "")
	return want(status, http.StatusOK, text)
}

// leave makes a call, and goes in the middle of the answer.
func leave(socket, text string, status int) error {
	c, err := net.DialTimeout("unix", socket, 20*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(longest)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil) //nolint:bodyclose // the connection is closed
	if err != nil || res.StatusCode != status {
		return fmt.Errorf("%.60q: %v %w", text, res, err)
	}
	return nil
}

// send makes a call and reads its answer.
func send(t *testing.T, c *http.Client, method, path, body string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := c.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(text)
}

// settledAt is what a guard has when what was begun has had the time to end: at most files and MiB, or what is left after a while.
func settledAt(t *testing.T, g *running, files int, memory float64) (int, float64) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(500 * time.Millisecond) {
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.pid()))
		if err != nil {
			t.Fatal(err)
		}
		m := memoryOf(t, g.pid())["RssAnon"]
		if len(list) <= files && m <= memory || time.Now().After(end) || files == 0 && time.Now().After(end.Add(-25*time.Second)) {
			return len(list), m
		}
	}
}
