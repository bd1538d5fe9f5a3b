package buildkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/bulkhead-security/bulkhead/guard/solve"
)

// transfer is a part of a caller's session on its way to the builder, in which build files may be. The caller lists entries (STAT), the builder
// asks for some of them by their number (REQ), and the caller sends what they hold (DATA) up to an empty piece. Build files are held until they
// are whole and were judged; all other files, directories and links go on as they come, and nothing else does.
type transfer struct {
	mu    sync.Mutex      // both sides speak at once
	names map[string]bool // paths at which builds look for their file
	next  uint32          // number of the next entry
	ended bool            // the list is whole
	open  map[uint32]*sentFile
	// whole is called with a file that is whole. What it refuses is not sent on.
	whole func(ctx context.Context, name string, text []byte) error
	// grow is asked before more is held.
	grow func(n int) error
	now  func() time.Time
}

// sentFile is a build file on its way.
type sentFile struct {
	name  string
	text  []byte
	wants bool // the builder asked for it
	done  bool
}

// Errors of a transfer.
var (
	errPacket = errors.New("the guard can't read what the client sends of its files")
	errLink   = errors.New("it is a link, or behind one: name the file itself (-f)")
	errKept   = errors.New("the builder did not ask for it, and would take it from elsewhere")
	errKind   = errors.New("it is a device, a pipe, a socket or the like, and the builder would make one on the host: name it in .dockerignore")
)

// heldError is why the guard itself did not pass a file on.
type heldError struct {
	name string
	err  error
}

// Error implements error.
func (h *heldError) Error() string { return h.err.Error() }

// Unwrap gives the reason.
func (h *heldError) Unwrap() error { return h.err }

// held is a reason to end the transfer; name is the file's, empty where it is of none.
func held(name string, format string, args ...any) error {
	return &heldError{name: name, err: fmt.Errorf(format, args...)}
}

// mostBuildFiles are those of one transfer.
const mostBuildFiles = 64

func newTransfer(names []string, whole func(ctx context.Context, name string, text []byte) error, grow func(n int) error) *transfer {
	t := &transfer{names: map[string]bool{}, open: map[uint32]*sentFile{}, whole: whole, grow: grow, now: time.Now}
	for _, n := range names {
		t.names[n] = true
	}
	return t
}

// come takes a packet of the caller's, and gives those that go on now, written again from what was read.
func (t *transfer) come(ctx context.Context, text []byte) ([][]byte, error) {
	var p fstypes.Packet
	if err := solve.Decode(text, &p); err != nil {
		return nil, held("", "%w: %w", errPacket, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch p.GetType() {
	case fstypes.PACKET_STAT:
		if err := t.entry(&p); err != nil {
			return nil, err
		}
	case fstypes.PACKET_DATA:
		if p.GetID() >= t.next {
			return nil, held("", "%w: a file that is not in its list", errPacket)
		}
		if f := t.open[p.GetID()]; f != nil {
			return t.piece(ctx, f, &p)
		}
	case fstypes.PACKET_REQ, fstypes.PACKET_FIN, fstypes.PACKET_ERR:
	default:
		return nil, held("", "%w: a packet of the kind %d", errPacket, p.GetType())
	}
	again, err := solve.Encode(&p)
	return [][]byte{again}, err
}

// entry is one of the list. An empty one ends it: builders fall over what comes after it.
func (t *transfer) entry(p *fstypes.Packet) error {
	s := p.GetStat()
	if t.ended {
		return held("", "%w: its list goes on after its end", errPacket)
	}
	if s == nil {
		t.ended = true
		return nil
	}
	at := s.GetPath()
	if at == "" || at != strings.TrimPrefix(path.Clean("/"+at), "/") || at == ".fsutil-metadata" {
		return held("", "%w: %.100q is no path of a file", errPacket, at)
	}
	switch os.FileMode(s.GetMode()) & os.ModeType {
	case 0, os.ModeDir, os.ModeSymlink:
	default: // whoever may not open a device may read it in what was built of it
		return &heldError{err: fmt.Errorf("the file %.100q: %w", at, errKind)}
	}
	id := t.next
	t.next++
	link := s.GetLinkname() != "" || os.FileMode(s.GetMode())&os.ModeSymlink != 0
	if link && t.within(at) {
		return held(at, "%w", errLink)
	}
	if !t.names[at] || os.FileMode(s.GetMode())&os.ModeType != 0 {
		return nil
	}
	if len(t.open) >= mostBuildFiles {
		return held(at, "%w: more than %d Dockerfiles", errPacket, mostBuildFiles)
	}
	for _, f := range t.open {
		if f.name == at {
			return held(at, "%w: it is listed twice", errPacket)
		}
	}
	t.open[id] = &sentFile{name: at}
	// A builder that has a file of that size and time asks for it no more, and nobody knows what was judged of it then.
	s.ModTime = t.now().UnixNano()
	return nil
}

// within says whether a build file is at a path, or below it.
func (t *transfer) within(at string) bool {
	for name := range t.names {
		if name == at || strings.HasPrefix(name, at+"/") {
			return true
		}
	}
	return false
}

// piece is a part of a build file; an empty one ends it.
func (t *transfer) piece(ctx context.Context, f *sentFile, p *fstypes.Packet) ([][]byte, error) {
	if f.done {
		return nil, held(f.name, "%w: more comes of it than it has", errPacket)
	}
	if n := len(p.GetData()); n > 0 {
		if len(f.text)+n > solve.MostDockerfile {
			return nil, held(f.name, "it has more than %d bytes", solve.MostDockerfile)
		}
		if err := t.grow(n); err != nil {
			return nil, held(f.name, "%w", err)
		}
		f.text = append(f.text, p.GetData()...)
		return nil, nil
	}
	if err := t.whole(ctx, f.name, f.text); err != nil {
		return nil, err
	}
	text := f.text
	f.done, f.text = true, nil
	var out [][]byte
	const each = 32 << 10 // as clients have it
	for len(text) > 0 {
		n := min(each, len(text))
		again, err := solve.Encode(&fstypes.Packet{Type: fstypes.PACKET_DATA, ID: p.GetID(), Data: text[:n]})
		if err != nil {
			return nil, err
		}
		out, text = append(out, again), text[n:]
	}
	end, err := solve.Encode(&fstypes.Packet{Type: fstypes.PACKET_DATA, ID: p.GetID()})
	return append(out, end), err
}

// goes takes a packet of the builder's, on its way to the caller.
func (t *transfer) goes(text []byte) error {
	var p fstypes.Packet
	if err := solve.Decode(text, &p); err != nil {
		return fmt.Errorf("what the builder asks the client for its files: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch p.GetType() {
	case fstypes.PACKET_REQ:
		if f := t.open[p.GetID()]; f != nil {
			f.wants = true
		}
	case fstypes.PACKET_FIN: // it has all that it wants
		for _, f := range t.open {
			if !f.wants || !f.done {
				return held(f.name, "%w", errKept)
			}
		}
	case fstypes.PACKET_STAT, fstypes.PACKET_DATA, fstypes.PACKET_ERR:
	}
	return nil
}
