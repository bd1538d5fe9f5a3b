//go:build e2e

package plane

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// change is something that a writer asked for.
type change struct {
	name  string
	acked bool
	// record is where the log has it; empty for the answer that was kept from before a crash.
	record string
}

// load writes groups as fast as the server takes them, through restarts: what got no answer is asked for again, with the
// same idempotency key.
type load struct {
	server  func() *lab.Server // of the moment
	token   string
	tenant  string
	stop    atomic.Bool
	begun   int // how often it was started
	mu      sync.Mutex
	changes []change
	wrong   []string // answers that should not have been
	retries int
	wg      sync.WaitGroup
}

func (l *load) start(ctx context.Context, writers int) {
	l.stop.Store(false)
	l.begun++
	for w := range writers {
		l.wg.Go(func() {
			for i := 0; !l.stop.Load() && ctx.Err() == nil; i++ {
				l.write(ctx, fmt.Sprintf("g%d-%d-%d", l.begun, w, i))
			}
		})
	}
}

// more waits until some more changes are acknowledged.
func (l *load) more(t *testing.T) {
	t.Helper()
	const n = 10
	acked := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.changes)
	}
	want := acked() + n
	eventually(t, fmt.Sprintf("%d more changes are acknowledged", n), func() bool { return acked() >= want })
}

// end stops the writers. Each finishes what it began, so that everything has an answer.
func (l *load) end() { l.stop.Store(true); l.wg.Wait() }

// write asks for a group until there is an answer.
func (l *load) write(ctx context.Context, name string) {
	key := uuid.NewString()
	deadline := time.Now().Add(2 * time.Minute)
	for try := 0; ; try++ {
		status, record, body := l.create(ctx, name, key)
		switch status {
		case http.StatusOK:
			l.mu.Lock()
			l.changes = append(l.changes, change{name: name, acked: true, record: record})
			l.retries += min(try, 1)
			l.mu.Unlock()
			return
		case 0, http.StatusServiceUnavailable, http.StatusTooManyRequests:
			// No answer, or one that says to come again.
		default:
			l.mu.Lock()
			l.wrong = append(l.wrong, fmt.Sprintf("%s: %d %s", name, status, body))
			l.mu.Unlock()
			return
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			l.mu.Lock()
			l.wrong = append(l.wrong, fmt.Sprintf("%s: no answer in time, last %d %s", name, status, body))
			l.mu.Unlock()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// create asks once; the status is 0 where there was no whole answer.
func (l *load) create(ctx context.Context, name, key string) (status int, record, body string) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	b, _ := json.Marshal(map[string]any{"group": map[string]any{"tenant": l.tenant, "name": name}})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.server().URL+"/bulkhead.v1.GroupService/CreateGroup", bytes.NewReader(b))
	if err != nil {
		return 0, "", err.Error()
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+l.token)
	req.Header.Set("Idempotency-Key", key)
	res, err := l.server().Shared().Do(req)
	if err != nil {
		return 0, "", err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, "", err.Error()
	}
	return res.StatusCode, res.Header.Get("Bulkhead-Record"), string(text)
}
