package objects

import (
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// recent remembers for a moment which images names stood for. An engine takes long to say that, and who makes many containers asks for few
// images. It is for creates alone, of which Verify sees afterwards whether the name still stood for that image.
type recent struct {
	mu    sync.Mutex
	known map[string]remembered
}

type remembered struct {
	object call.Object
	until  time.Time
}

// Bounds of what is remembered.
const (
	recentLife = 30 * time.Second
	mostRecent = 256
)

func (r *recent) get(name string) (*call.Object, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, ok := r.known[name]
	if !ok || time.Now().After(k.until) {
		return nil, false
	}
	o := k.object
	return &o, true
}

func (r *recent) put(name string, o *call.Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil || len(r.known) >= mostRecent {
		r.known = map[string]remembered{}
	}
	r.known[name] = remembered{object: *o, until: time.Now().Add(recentLife)}
}

func (r *recent) drop(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, name)
}

// Forget is called when names of images may stand for others.
func (r *Resolver) Forget() {
	r.images.mu.Lock()
	defer r.images.mu.Unlock()
	clear(r.images.known)
}

// took puts an image that is known already in place of a question to the engine.
func (v *visit) took(name string, o *call.Object) {
	v.known[string(route.Image)+" "+name] = found{o, nil}
	if o.ByID {
		v.names[o] = name
	}
}
