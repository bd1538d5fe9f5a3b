package drill

import (
	"context"
	"sync"
	"time"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// watcher watches the groups of the own tenant with one session: where a watch ends, it goes on at the next replica from the cursor
// that it got last.
type watcher struct {
	mu     sync.Mutex
	cursor string
	seen   map[string]bool // ids of groups that were made
	stop   context.CancelFunc
	ended  chan struct{}
}

func (c *cluster) watch(ctx context.Context, p *person) *watcher {
	v := &watcher{seen: map[string]bool{}, ended: make(chan struct{})}
	ctx, v.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(v.ended)
		for i := 0; ctx.Err() == nil; i++ {
			v.follow(ctx, c.worlds[i%len(c.worlds)], p)
			select {
			case <-ctx.Done():
			case <-time.After(tryEvery):
			}
		}
	}()
	return v
}

func (v *watcher) end() {
	v.stop()
	<-v.ended
}

func (v *watcher) follow(ctx context.Context, w *World, p *person) {
	client := w.client(p)
	client.Timeout = 0 // it is to stay open
	r := &bulkheadv1.WatchRequest{Tenant: own, Kinds: []string{"Group"}}
	v.mu.Lock()
	r.Cursor = v.cursor
	v.mu.Unlock()
	in, err := bulkheadv1connect.NewWatchServiceClient(client, w.plane.URL).Watch(ctx, r)
	if err != nil {
		return
	}
	defer func() { _ = in.Close() }() // why it ended does not matter
	for in.Receive() {
		v.mu.Lock()
		if c := in.Msg().GetCursor(); c != "" {
			v.cursor = c
		}
		if in.Msg().GetOperation() == "created" {
			v.seen[in.Msg().GetObject().GetId()] = true
		}
		v.mu.Unlock()
	}
}

// ready says whether it stands, so that nothing that comes is missed.
func (v *watcher) ready() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.cursor != ""
}

func (v *watcher) has(group string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.seen[group]
}
