package buildkit

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/solve"
)

// Keys by which the engine says what it asks of a session.
const (
	keyDirName = "dir-name"    // a part of it
	keyFollow  = "followpaths" // paths in that; the builder keeps what comes by them, too
	keyEncoded = "-encoded"    // after either: the value is written as in a URL
)

// ownPart begins the name of a part of a session that one build reads its own file from. The builder keeps what came by its name: what came
// under this one was looked at for that build, and nobody can have had it sent before.
const ownPart = "dockerfile-judged-"

const mostPassed = 256 // paths of one session that are remembered

// Errors of parts of sessions.
var (
	errPart   = errors.New("the part of the session that it asks for is of no build that runs: build again")
	errPassed = errors.New("the builder may have a file of that name from this session that the guard did not look at, since no build had said that it reads one: open a new session")
	errNoPart = errors.New("its Dockerfile comes from a session, and it names none: name one")
)

func newPart() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // it never fails
	return ownPart + hex.EncodeToString(b)
}

// part is a part of a session that the engine asks for.
type part struct {
	local string            // as the client has it
	own   *call.BuildFile   // the only way in which it is read; nil for a part that is for all
	reads []*call.BuildFile // in which it may be read
}

// names are the paths at which builds look for their files in it, in order.
func (p *part) names() []string {
	var list []string
	for _, b := range p.reads {
		list = append(list, solve.Paths(b)...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// asked is a part of a session by the name that the engine has for it. Of one that is for all it remembers at which paths nobody looks.
func (f *files) asked(id, name string, follow []string) (*part, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.of[id]
	if s == nil {
		return nil, fmt.Errorf("session %.100q: %w", id, errNone)
	}
	if strings.HasPrefix(name, ownPart) {
		// The builder asks another session of the build where the one that it should ask is gone.
		for _, o := range f.of {
			if b := o.own[name]; b != nil && o.of == s.of {
				return &part{local: b.Local, own: b, reads: []*call.BuildFile{b}}, nil
			}
		}
		return nil, errPart
	}
	p := &part{local: name, reads: f.readings(s, name)}
	looked := p.names()
	for _, at := range follow {
		at = clean(at)
		if _, is := slices.BinarySearch(looked, at); !is {
			s.pass(passed(name, at))
		}
	}
	return p, nil
}

// readings are the ways in which a part of a session is read that is for all, with the lock held: also by builds whose session is gone.
func (f *files) readings(s *sessionFiles, local string) []*call.BuildFile {
	var list []*call.BuildFile
	for _, b := range s.reads {
		if b.Local == local {
			list = append(list, b)
		}
	}
	for r := range f.running {
		if r.of == s.of && r.file.Local == local && f.of[r.id] == nil {
			list = append(list, r.file)
		}
	}
	return list
}

// passedFile is a path that the engine asked for, and nobody looked at.
type passedFile [sha256.Size]byte

func passed(local, at string) passedFile { return sha256.Sum256([]byte(local + "\x00" + at)) }

// pass remembers a path; of more than are remembered it knows only that.
func (s *sessionFiles) pass(p passedFile) {
	if len(s.passed) < mostPassed {
		s.passed[p] = true
	} else {
		s.lost = s.lost || !s.passed[p]
	}
}

// passedBy says whether the builder may have a build's file of a session that nobody looked at.
func (s *sessionFiles) passedBy(b *call.BuildFile) bool {
	return s.lost || slices.ContainsFunc(solve.Paths(b), func(at string) bool { return s.passed[passed(b.Local, at)] })
}

// running is a build by the engine's own API, which can't be told to ask for its file by a name of its own.
type running struct {
	of, id string // account and session
	file   *call.BuildFile
}

// run notes one until it is over.
func (f *files) run(of, id string, b *call.BuildFile) (over func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.of[id]
	if s == nil {
		return nil, fmt.Errorf("session %.100q: %w", id, errNone)
	}
	if s.passedBy(b) {
		return nil, fmt.Errorf("session %.100q: %w", id, errPassed)
	}
	r := &running{of: of, id: id, file: b}
	f.running[r] = true
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.running, r)
	}, nil
}

// NoFileError is why a build by the engine's own API can't have its file from a session.
type NoFileError struct{ Err error }

// Error implements error.
func (n *NoFileError) Error() string { return n.Err.Error() }

// Unwrap gives the reason.
func (n *NoFileError) Unwrap() error { return n.Err }

func clean(at string) string { return strings.TrimPrefix(path.Clean("/"+at), "/") }

// saidBy is a value of what the engine asks by, as its client reads it.
func saidBy(md metadata.MD, key string) []string {
	list := slices.Clone(md.Get(key))
	if on := md.Get(key + keyEncoded); len(on) > 0 {
		if yes, err := strconv.ParseBool(on[0]); err == nil && yes {
			for i, v := range list {
				list[i], _ = url.QueryUnescape(v) // as clients have it
			}
		}
	}
	return list
}

// named has the client asked for a part by the name that it has for it.
func named(md metadata.MD, local string) {
	md.Set(keyDirName, local)
	md.Delete(keyDirName + keyEncoded)
	if as := url.QueryEscape(local); as != local {
		md.Set(keyDirName, as)
		md.Set(keyDirName+keyEncoded, "1")
	}
}
