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

// Bounds of archives that are looked into.
const (
	mostContext    = 4 << 30  // bytes of a context of a build
	mostArchive    = 16 << 30 // of an archive of images
	keptAtOnce     = 8
	keptAtOnceEach = 4 // of one account, and never more than are left for others
	contextPause   = time.Minute
)

// kept counts what is done at a time, such as archives that are kept.
type kept struct {
	mu   sync.Mutex
	all  int
	each map[string]int
}

// begin counts one more, until end is called.
func (k *kept) begin(who string) (end func(), ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.each[who] >= min(keptAtOnceEach, keptAtOnce-k.all) {
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

// archive reads what decides about a call and stands in the archive that it carries. What it gives is called at the end.
func (d *Door) archive(w http.ResponseWriter, r *http.Request, a *call.Ask) (end func(), err error) {
	switch {
	case a.Call.Route.Action == "ImageBuild" && a.Call.Query.Texts["version"] == builderBuildKit:
		return d.buildsByKit(w, r, a)
	case d.p.Objects == nil:
	case a.Call.Route.Action == "ImageBuild":
		if d.p.Judge.Whole(r.Context(), a) { // and takes nothing that is hidden: only labels are looked at
			return d.buildsOnAny(w, r, a)
		}
		return d.build(w, r, a)
	case a.Call.Route.Action == "ImageLoad" && !d.p.Judge.Whole(r.Context(), a): // who takes no name that is hidden
		return d.load(w, r, a)
	}
	return func() {}, nil
}

// context keeps the context of a build.
func (d *Door) context(w http.ResponseWriter, r *http.Request, a *call.Ask, most int64) (c *builds.Context, end func(), err error) {
	end, err = d.keep(w, r, a, "the build", func(ctx context.Context, from io.Reader) (io.Closer, error) {
		c, err = builds.Keep(ctx, from, d.p.Dir, a.Call.Query.Texts["dockerfile"], most)
		return c, err
	})
	return c, end, err
}

// keep has an archive taken into a file, until end is called. It ends with the right to the call, and when nothing comes for a time. What read
// gives with an error is not looked at.
func (d *Door) keep(w http.ResponseWriter, r *http.Request, a *call.Ask, what string, read func(context.Context, io.Reader) (io.Closer, error)) (end func(), err error) {
	place, ok := func() {}, true
	if !d.p.Judge.Whole(r.Context(), a) { // who could fill the disk anyway, and takes nobody's place
		place, ok = d.kept.begin(a.Subject.Principal.ID)
	}
	if !ok {
		return place, &objects.Fault{Status: http.StatusTooManyRequests, Kind: route.Image, Message: "bulkhead: too many builds and archives at once: try again"}
	}
	comes := &coming{r: r.Body, c: http.NewResponseController(w)}
	end = place
	err = lasting.While(r.Context(), d.p.Log, what, d.holdsEvery, func(ctx context.Context) error { return d.holds(ctx, r, a) }, func(ctx context.Context) error {
		defer context.AfterFunc(ctx, comes.stop)()
		c, err := read(ctx, comes)
		if err == nil {
			end = func() { _ = c.Close(); place() }
		}
		return err
	})
	var ended *lasting.EndedError
	switch {
	case errors.As(err, &ended):
		err = &objects.Fault{Status: http.StatusForbidden, Kind: route.Image, Message: "bulkhead: " + ended.Error(), Reason: objects.ErrInvalid}
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = &objects.Fault{Status: http.StatusRequestTimeout, Kind: route.Image, Message: "bulkhead: nothing came of " + what + " for a minute", Reason: objects.ErrInvalid}
	default:
		comes.end()
	}
	return end, understood(err)
}

// instead has the engine get what was kept in place of what came.
func instead(r *http.Request, kept *builds.Context) error {
	body, size, err := kept.Reader()
	if err != nil {
		return err
	}
	r.Body, r.ContentLength = io.NopCloser(body), size
	return nil
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
