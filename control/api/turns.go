package api

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// turns bounds how many checks of policies run at once: one of a tenant's, and on half of the processors in all, so that no
// tenant's policies keep others waiting for anything but such a check.
type turns struct {
	mu   sync.Mutex
	busy map[string]bool // tenants
	all  chan struct{}
}

// turnWait is how long a check waits for those of other tenants.
const turnWait = 10 * time.Second

// take waits for a turn; done gives it back. A tenant whose check is running is refused at once.
func (t *turns) take(ctx context.Context, tenant string) (done func(), err error) {
	all, ok := t.begin(tenant)
	if !ok {
		return nil, tooBusy("another check of your tenant's policies is running")
	}
	timer := time.NewTimer(turnWait)
	defer timer.Stop()
	select {
	case all <- struct{}{}:
		return func() {
			<-all
			t.end(tenant)
		}, nil
	case <-timer.C:
		err = tooBusy("too many checks of policies are running")
	case <-ctx.Done():
		err = ctx.Err()
	}
	t.end(tenant)
	return nil, err
}

func (t *turns) begin(tenant string) (chan struct{}, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all, t.busy = make(chan struct{}, max(1, runtime.NumCPU()/2)), map[string]bool{}
	}
	if t.busy[tenant] {
		return nil, false
	}
	t.busy[tenant] = true
	return t.all, true
}

func (t *turns) end(tenant string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.busy, tenant)
}

func tooBusy(message string) error {
	return &model.Error{Code: model.CodeTooMany, Message: message, Remedy: "Wait until it has ended, then try again. A check takes at most half a minute."}
}
