package agent

import (
	"context"
	"math/rand/v2"
	"os"
	"time"
)

// backoff is how long to wait between tries: twice as long each time, up to most, and by chance between half of it and all, so that
// a fleet does not come at once.
type backoff struct {
	least, most time.Duration
	now         time.Duration
}

func (b *backoff) reset() { b.now = 0 }

func (b *backoff) next() time.Duration {
	b.now = min(max(2*b.now, b.least), b.most)
	return b.now/2 + rand.N(b.now/2+1) //nolint:gosec // it is no secret
}

// jitter is d less up to a tenth of it.
func jitter(d time.Duration) time.Duration {
	return d - rand.N(d/10+1) //nolint:gosec // it is no secret
}

// sleep waits, and says whether ctx is still good. Something on early ends it before.
func sleep(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-early:
	case <-ctx.Done():
		return false
	}
	return true
}

func pid() int { return os.Getpid() }
