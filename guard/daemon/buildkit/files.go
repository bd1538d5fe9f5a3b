package buildkit

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/solve"
)

// Bounds of what is kept of build files, while their sessions are open.
const (
	mostReads        = 256 // ways in which builds read the files of one session
	mostTexts        = 128 // files of one session
	mostFileText     = 64 << 20
	mostFileTextEach = 8 << 20 // of one account
)

var errFiles = errors.New("the guard keeps as many Dockerfiles as it may while their builds run: let some end, and try again")

// files knows, of each session, in which ways builds read their files in it, and what came. A file is judged for every way in which it is read,
// whichever is there first: the builder asks once for what it reads twice.
type files struct {
	mu      sync.Mutex
	of      map[string]*sessionFiles // by session
	running map[*running]bool
	all     int            // bytes that are kept or held
	each    map[string]int // of an account
}

type sessionFiles struct {
	of     string // account
	refs   map[string]bool
	reads  []*call.BuildFile
	own    map[string]*call.BuildFile // of them, by the part that is for one build
	texts  []*sentText
	passed map[passedFile]bool
	lost   bool  // more passed than are remembered
	why    error // why the last of its files that was refused was
	size   int
}

// sentText is a file that came.
type sentText struct {
	local, name string
	sum         [sha256.Size]byte
	text        []byte
}

func newFiles() *files {
	return &files{of: map[string]*sessionFiles{}, running: map[*running]bool{}, each: map[string]int{}}
}

// open begins a session; it is forgotten by what it gives.
func (f *files) open(id, of string) (closed func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &sessionFiles{of: of, refs: map[string]bool{}, own: map[string]*call.BuildFile{}, passed: map[passedFile]bool{}}
	f.of[id] = s
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.of, id)
		f.shrink(s, s.size)
	}
}

// shrink gives room back, with the lock held.
func (f *files) shrink(s *sessionFiles, n int) {
	n = min(n, s.size)
	s.size -= n
	f.all -= n
	if f.each[s.of] -= n; f.each[s.of] <= 0 {
		delete(f.each, s.of)
	}
}

// grow takes room for what is held of a session; it is given back when that ends.
func (f *files) grow(id string, n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.grown(f.of[id], n)
}

// grown is grow with the lock held.
func (f *files) grown(s *sessionFiles, n int) error {
	if s == nil || f.all+n > mostFileText || f.each[s.of]+n > mostFileTextEach {
		return errFiles
	}
	f.all += n
	f.each[s.of] += n
	s.size += n
	return nil
}

// begin notes that a build takes from sessions of its account's.
func (f *files) begin(ref string, sessions []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range sessions {
		switch s := f.of[id]; {
		case s == nil:
			return fmt.Errorf("session %.100q: %w", id, errNone)
		case len(s.refs) >= mostBuildsEach:
			return fmt.Errorf("session %.100q: %w", id, errFiles)
		default:
			s.refs[ref] = true
		}
	}
	return nil
}

// sessions are those that an account's build takes from.
func (f *files) sessions(ref, of string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []string
	for id, s := range f.of {
		if s.of == of && s.refs[ref] {
			list = append(list, id)
		}
	}
	return list
}

// refused notes why a file of a session was not passed on.
func (f *files) refused(id string, why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.of[id]; s != nil && status.Code(why) != codes.Canceled {
		s.why = why
	}
}

// why is the reason for which a file of one of these sessions was not passed on; nil for none.
func (f *files) why(sessions []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range sessions {
		if s := f.of[id]; s != nil && s.why != nil {
			return s.why
		}
	}
	return nil
}

// read notes a way in which files of sessions are read, and gives those that came before. own is the part that the build has for itself; the
// builder asks for that anew, and what came under another name is none of its own.
func (f *files) read(sessions []string, b *call.BuildFile, own string) ([]*sentText, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var came []*sentText
	for _, id := range sessions {
		s := f.of[id]
		if s == nil { // it ended, or is not open yet: what nobody looks at must not come
			return nil, fmt.Errorf("session %.100q: %w", id, errNone)
		}
		b, err := f.add(id, s, b)
		if err != nil {
			return nil, err
		}
		if own != "" {
			if len(s.own) >= mostBuildsEach {
				return nil, fmt.Errorf("session %.100q: %w", id, errFiles)
			}
			s.own[own] = b
			if !b.Foreign { // which may ask as it likes
				continue
			}
		}
		// Those of a build that is tried again, too: the builder may have them, and not ask.
		for _, t := range s.texts {
			if reads(b, t.local, t.name) {
				came = append(came, t)
			}
		}
	}
	return came, nil
}

// add notes a way of reading once, with the lock held, and gives it as it is kept.
func (f *files) add(id string, s *sessionFiles, b *call.BuildFile) (*call.BuildFile, error) {
	for _, r := range s.reads {
		if reflect.DeepEqual(r, b) {
			return r, nil
		}
	}
	if len(s.reads) >= mostReads {
		return nil, fmt.Errorf("session %.100q: %w", id, errFiles)
	}
	if err := f.grown(s, sizeOf(b)); err != nil {
		return nil, err
	}
	s.reads = append(s.reads, b)
	return b, nil
}

// sizeOf is what a way of reading takes to keep.
func sizeOf(b *call.BuildFile) int {
	n := len(b.Local) + len(b.Name) + len(b.Target)
	for k, v := range b.Args {
		n += len(k) + len(v)
	}
	for _, list := range [][]string{b.Platforms, b.Contexts} {
		for _, v := range list {
			n += len(v)
		}
	}
	return n
}

func reads(b *call.BuildFile, local, name string) bool {
	return b.Local == local && slices.Contains(solve.Paths(b), name)
}

// came notes a file that came in a part of a session, and gives the ways in which it is read.
func (f *files) came(id string, p *part, t *sentText) ([]*call.BuildFile, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.of[id]
	if s == nil {
		return nil, errNone
	}
	if p.own != nil { // nobody else gets it
		f.shrink(s, len(t.text))
		return p.reads, nil
	}
	t.sum = sha256.Sum256(t.text)
	switch same := func(o *sentText) bool { return o.local == t.local && o.name == t.name && o.sum == t.sum }; {
	case slices.ContainsFunc(s.texts, same):
		f.shrink(s, len(t.text))
	case len(s.texts) >= mostTexts:
		return nil, errFiles
	default:
		s.texts = append(s.texts, t)
	}
	var list []*call.BuildFile
	for _, b := range f.readings(s, t.local) {
		if reads(b, t.local, t.name) {
			list = append(list, b)
		}
	}
	return list, nil
}
