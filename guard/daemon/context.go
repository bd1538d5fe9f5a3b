package daemon

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/builds"
	"github.com/bulkhead-security/bulkhead/guard/daemon/objects"
	"github.com/bulkhead-security/bulkhead/guard/lasting"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// Bounds of contexts of builds that are looked into.
const (
	mostContext      = 4 << 30 // bytes of one
	buildsAtOnce     = 8       // whose contexts are kept
	buildsAtOnceEach = 4       // of one account, and never more than are left for others
	contextPause     = time.Minute
)

// kept counts the builds whose contexts are kept at a time.
type kept struct {
	mu   sync.Mutex
	all  int
	each map[string]int
}

// begin counts one more, until end is called.
func (k *kept) begin(who string) (end func(), ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.each[who] >= min(buildsAtOnceEach, buildsAtOnce-k.all) {
		return func() {}, false
	}
	if k.each == nil {
		k.each = map[string]int{}
	}
	k.all++
	k.each[who]++
	return sync.OnceFunc(func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.all--
		if k.each[who]--; k.each[who] <= 0 {
			delete(k.each, who)
		}
	}), true
}

// keep takes the context of a build into a file, until end is called. It ends with the right to the build, and when nothing comes for a time.
// More than mostContext is for those who need no place among the others.
func (d *Door) keep(w http.ResponseWriter, r *http.Request, a *call.Ask, most int64) (c *builds.Context, end func(), err error) {
	place, ok := func() {}, true
	if most <= mostContext {
		place, ok = d.kept.begin(a.Subject.Principal.ID)
	}
	if !ok {
		return nil, place, &objects.Fault{Status: http.StatusTooManyRequests, Kind: route.Image, Message: "bulkhead: too many builds at once: try again"}
	}
	comes := &coming{r: r.Body, c: http.NewResponseController(w)}
	err = lasting.While(r.Context(), d.p.Log, "the build", d.holdsEvery, func(ctx context.Context) error { return d.holds(ctx, r, a) }, func(ctx context.Context) (err error) {
		defer context.AfterFunc(ctx, comes.stop)()
		c, err = builds.Keep(ctx, comes, d.p.Dir, a.Call.Query.Texts["dockerfile"], most)
		return err
	})
	var ended *lasting.EndedError
	switch {
	case errors.As(err, &ended):
		err = &objects.Fault{Status: http.StatusForbidden, Kind: route.Image, Message: "bulkhead: " + ended.Error(), Reason: objects.ErrInvalid}
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = &objects.Fault{Status: http.StatusRequestTimeout, Kind: route.Image, Message: "bulkhead: nothing came of the build's context for a minute", Reason: objects.ErrInvalid}
	default:
		comes.end()
	}
	if err != nil {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
		return nil, place, understood(err)
	}
	return c, func() { _ = c.Close(); place() }, nil
}

// coming is a body of which something must come every so often.
type coming struct {
	r       io.Reader
	c       *http.ResponseController
	mu      sync.Mutex
	stopped bool
}

// Read implements io.Reader.
func (s *coming) Read(p []byte) (int, error) {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return 0, os.ErrDeadlineExceeded
	}
	_ = s.c.SetReadDeadline(time.Now().Add(contextPause)) // recorders in tests have none
	s.mu.Unlock()
	return s.r.Read(p)
}

// stop ends what reads now.
func (s *coming) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	_ = s.c.SetReadDeadline(time.Unix(1, 0))
}

// end has what follows on the connection take as long as it likes. A connection that was stopped has nothing that follows.
func (s *coming) end() { _ = s.c.SetReadDeadline(time.Time{}) }
