package buildkit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"time"
)

// Bounds of what is kept.
const (
	mostSessions, mostSessionsEach = 1024, 64
	mostBuilds, mostBuildsEach     = 20_000, 1000
	waitTime                       = 5 * time.Second // builds name sessions that are still being opened
)

// Errors of the book.
var (
	errOthers = errors.New("it is another account's")
	errTaken  = errors.New("there is one of that name already")
	errNone   = errors.New("nobody opened it through the guard")
	errMany   = errors.New("too many are open: let some end, and try again")
	errNo     = errors.New("it was refused")
)

// refusal is why a build was refused, and to whom: nobody else is told.
type refusal struct {
	of  string
	err error
}

// refused stands in the book for the account of a build that nobody may have.
const refused = "-"

// book says to whom sessions and builds belong: by name alone whoever learns one could use another's files and passwords.
type book struct {
	opening  sync.Mutex // one session is opened at a time
	disk     *disk      // ids of sessions, also of those before this guard was started
	mu       sync.Mutex
	sessions map[string]string   // id → account
	spent    *spent              // ids of sessions, also of those that are over
	builds   map[string]string   // ref → account
	why      map[string]refusal  // ref → why nobody may have a build
	order    map[string][]string // account → refs, the oldest first
	since    map[string]uint64   // ref → its number in the order of all
	last     uint64
	changed  chan struct{} // closed when something is added
	most     int           // builds of all, and of each account
	each     int
	name     *regexp.Regexp
}

func newBook(path string) *book {
	return &book{
		disk: newDisk(path), sessions: map[string]string{}, spent: newSpent(), builds: map[string]string{}, why: map[string]refusal{}, order: map[string][]string{}, since: map[string]uint64{}, most: mostBuilds, each: mostBuildsEach, changed: make(chan struct{}),
		name: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`),
	}
}

func (b *book) tell() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// open notes a session until close is called; first is done before anybody can name it.
func (b *book) open(id, of string, first func()) (closed func(), err error) {
	if !b.name.MatchString(id) {
		return nil, fmt.Errorf("session %.100q: it is no name of a session", id)
	}
	b.opening.Lock()
	defer b.opening.Unlock()
	if err := b.room(id, of); err != nil {
		return nil, err
	}
	if err := b.disk.take(id); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	first()
	b.sessions[id] = of
	b.tell()
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.sessions, id)
	}), nil
}

// room says whether somebody may open a session of that name, and takes the name.
func (b *book) room(id, of string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, o := range b.sessions {
		if o == of {
			n++
		}
	}
	switch {
	case b.sessions[id] != "":
		return fmt.Errorf("session %s: %w", id, errTaken)
	case len(b.sessions) >= mostSessions, n >= mostSessionsEach:
		return fmt.Errorf("sessions: %w", errMany)
	}
	return b.spent.take(id, of)
}

// claim gives a build to who begins it.
func (b *book) claim(ref, of string) error {
	if !b.name.MatchString(ref) {
		return fmt.Errorf("build %.100q: it is no name of a build", ref)
	}
	return b.give(ref, ref, of)
}

// calledBuild begins the key of a build that a call of the engine's own API began.
const calledBuild = "POST /build "

// claimID gives a build that a call of the engine's own API begins. The engine has a list of its own for their names, and so has the book:
// who takes a name here takes none of the builder's.
func (b *book) claimID(id, of string) error {
	if !b.name.MatchString(id) {
		return fmt.Errorf("buildid %.100q: it is no name of a build", id)
	}
	return b.give(calledBuild+id, id, of)
}

func (b *book) give(key, name, of string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if has := b.builds[key]; has != "" {
		if has != of {
			return fmt.Errorf("build %s: %w", name, errOthers)
		}
		return nil
	}
	b.add(key, of, of)
	return nil
}

// free says whether somebody may begin a build of that name.
func (b *book) free(ref, of string) error {
	if !b.name.MatchString(ref) {
		return fmt.Errorf("build %.100q: it is no name of a build", ref)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if has := b.builds[ref]; has != "" && has != of {
		return fmt.Errorf("build %s: %w", ref, errOthers)
	}
	return nil
}

// refuse has those who wait for a build wait no longer, and tells them why: a client shows the first error that it gets.
func (b *book) refuse(ref, of string, why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.builds[ref] == "" {
		b.why[ref] = refusal{of, why}
		b.add(ref, of, refused)
	}
}

// add is called with the lock held. Where there is no place the oldest goes: of the account, or of all.
func (b *book) add(ref, of, as string) {
	if len(b.order[of]) >= b.each {
		b.forget(of)
	}
	if len(b.builds) >= b.most {
		oldest := ""
		for account, refs := range b.order {
			if oldest == "" || b.since[refs[0]] < b.since[b.order[oldest][0]] {
				oldest = account
			}
		}
		b.forget(oldest)
	}
	b.last++
	b.builds[ref], b.since[ref], b.order[of] = as, b.last, append(b.order[of], ref)
	b.tell()
}

// forget takes out an account's oldest build, with the lock held.
func (b *book) forget(of string) {
	ref := b.order[of][0]
	delete(b.builds, ref)
	delete(b.why, ref)
	delete(b.since, ref)
	if b.order[of] = b.order[of][1:]; len(b.order[of]) == 0 {
		delete(b.order, of)
	}
}

// owns says whether a build is somebody's, without waiting for it.
func (b *book) owns(ref, of string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return of != "" && b.builds[ref] == of
}

// session waits until a session is there, and makes sure whose it is.
func (b *book) session(ctx context.Context, id, of string) error {
	return b.await(ctx, b.sessions, "session", id, of)
}

// build waits until a build is begun, and makes sure whose it is.
func (b *book) build(ctx context.Context, ref, of string) error {
	return b.await(ctx, b.builds, "build", ref, of)
}

func (b *book) await(ctx context.Context, in map[string]string, kind, name, of string) error {
	ctx, cancel := context.WithTimeout(ctx, waitTime)
	defer cancel()
	for {
		b.mu.Lock()
		has, why, changed := in[name], b.why[name], b.changed
		b.mu.Unlock()
		switch has {
		case of:
			return nil
		case "":
		case refused:
			if why.of == of && why.err != nil {
				return fmt.Errorf("%s %.100q: %w", kind, name, why.err)
			}
			return fmt.Errorf("%s %.100q: %w", kind, name, errNo)
		default:
			return fmt.Errorf("%s %.100q: %w", kind, name, errOthers)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s %.100q: %w", kind, name, errNone)
		}
	}
}

// Headers by which a client says what its session is.
const (
	headerID      = "X-Docker-Expose-Session-Uuid"
	headerName    = "X-Docker-Expose-Session-Name"
	headerKey     = "X-Docker-Expose-Session-Sharedkey"
	headerEncoded = "X-Docker-Expose-Session-Sharedkey-Encoded"
	headerMethod  = "X-Docker-Expose-Session-Grpc-Method"
	mostMethods   = 200
	longestHeader = 4 << 10
)

// sessionHeader reads the headers of a session, and gives them as the engine gets them.
func sessionHeader(from http.Header, of string) (id string, to http.Header, err error) {
	to = http.Header{}
	for _, name := range []string{headerID, headerName, headerKey, headerEncoded} {
		v := from.Values(name)
		if len(v) > 1 || len(v) == 1 && !plain(v[0]) {
			return "", nil, fmt.Errorf("header %s: it is there more than once, or is no short text", name)
		}
		if len(v) == 1 {
			to.Set(name, v[0])
		}
	}
	methods := from.Values(headerMethod)
	if len(methods) > mostMethods {
		return "", nil, fmt.Errorf("header %s: it is there more than %d times", headerMethod, mostMethods)
	}
	for _, m := range methods {
		if !plain(m) {
			return "", nil, fmt.Errorf("header %s: it is no name of a method", headerMethod)
		}
		to.Add(headerMethod, m)
	}
	// The builder keeps files that came over sessions by this key: nobody may name another's.
	to.Set(headerKey, mixed(of, from.Get(headerKey)))
	to.Del(headerEncoded)
	return to.Get(headerID), to, nil
}

func plain(text string) bool {
	if len(text) > longestHeader {
		return false
	}
	for _, c := range []byte(text) {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}
