package buildkit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
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
	mu   sync.Mutex
	of   map[string]*sessionFiles // by session
	all  int                      // bytes that are kept or held
	each map[string]int           // of an account
}

type sessionFiles struct {
	of    string // account
	refs  map[string]bool
	reads []*call.BuildFile
	texts []*sentText
	size  int
}

// sentText is a file that came.
type sentText struct {
	local, name string
	sum         [sha256.Size]byte
	text        []byte
}

func newFiles() *files { return &files{of: map[string]*sessionFiles{}, each: map[string]int{}} }

// open begins a session; it is forgotten by what it gives.
func (f *files) open(id, of string) (closed func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &sessionFiles{of: of, refs: map[string]bool{}}
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

// read notes a way in which files of sessions are read, and gives those that came before.
func (f *files) read(sessions []string, b *call.BuildFile) ([]*sentText, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var came []*sentText
	for _, id := range sessions {
		s := f.of[id]
		if s == nil { // it ended, or is not open yet: what nobody looks at must not come
			return nil, fmt.Errorf("session %.100q: %w", id, errNone)
		}
		if slices.ContainsFunc(s.reads, func(r *call.BuildFile) bool { return reflect.DeepEqual(r, b) }) {
			continue
		}
		if len(s.reads) >= mostReads {
			return nil, fmt.Errorf("session %.100q: %w", id, errFiles)
		}
		if err := f.grown(s, sizeOf(b)); err != nil {
			return nil, err
		}
		s.reads = append(s.reads, b)
		for _, t := range s.texts {
			if reads(b, t.local, t.name) {
				came = append(came, t)
			}
		}
	}
	return came, nil
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

// names are the paths at which builds look for their files in a part of a session.
func (f *files) names(id, local string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []string
	if s := f.of[id]; s != nil {
		for _, b := range s.reads {
			if b.Local == local {
				list = append(list, solve.Paths(b)...)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// came notes a file that came, and gives the ways in which it is read.
func (f *files) came(id string, t *sentText) ([]*call.BuildFile, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.of[id]
	if s == nil {
		return nil, errNone
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
	for _, b := range s.reads {
		if reads(b, t.local, t.name) {
			list = append(list, b)
		}
	}
	return list, nil
}

// fileRoute is the transfer of a build's file, for its record and the question about it.
func fileRoute() *route.Route {
	return &route.Route{Method: route.GRPC, Path: diffCopy, Action: "BuildSolve", On: route.Engine, Effect: route.Changes, Body: route.HTTP2}
}

// judgeFile has it judged what a build's file asks for that is read in a way.
func (r *Room) judgeFile(ctx context.Context, who *call.Subject, t *sentText, b *call.BuildFile) error {
	asks, err := r.fileAsks(ctx, who, t.text, b)
	if err != nil {
		return r.fileNotUnderstood(ctx, who, t.name, err)
	}
	a := &call.Ask{Subject: who, Call: &route.Call{Route: fileRoute(), Name: t.name}, Body: asks}
	if r.p.Objects != nil {
		if err := r.p.Objects.Complete(ctx, a); err != nil {
			return r.fileNotUnderstood(ctx, who, t.name, err)
		}
	}
	return r.p.Judge.Judge(ctx, a)
}

// fileAsks reads a file; only so many at a time, and no longer than a request may take.
func (r *Room) fileAsks(ctx context.Context, who *call.Subject, text []byte, b *call.BuildFile) (*call.Solve, error) {
	ctx, cancel := context.WithTimeout(ctx, r.readTime)
	defer cancel()
	back, err := r.decodes.take(ctx, whose(who))
	if err != nil {
		return nil, err
	}
	defer back()
	return solve.Dockerfile(ctx, text, b)
}

// fileNotUnderstood refuses a file that could not be judged, with its record.
func (r *Room) fileNotUnderstood(ctx context.Context, who *call.Subject, name string, why error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if name != "" {
		why = fmt.Errorf("the Dockerfile %.100q: %w", name, why)
	}
	id, err := r.p.Judge.NotUnderstood(ctx, who, route.GRPC, diffCopy, why)
	if err != nil {
		r.p.Log.ErrorContext(ctx, "a refusal could not be recorded", "error", err, "refused", why)
		return why
	}
	return fmt.Errorf("%w; audit record: %s", why, id)
}

// File has the guard look at the build file of a build that begins, wherever it comes in these sessions, and judges it where it came already.
func (r *Room) File(ctx context.Context, who *call.Subject, sessions []string, b *call.BuildFile) error {
	came, err := r.files.read(sessions, b)
	if err != nil {
		return err
	}
	for _, t := range came {
		if err := r.judgeFile(ctx, who, t, b); err != nil {
			return err
		}
	}
	return nil
}

// Judge has the build file of a build judged that comes in no session.
func (r *Room) Judge(ctx context.Context, who *call.Subject, text []byte, b *call.BuildFile) error {
	return r.judgeFile(ctx, who, &sentText{name: b.Name, text: text}, b)
}
