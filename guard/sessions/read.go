package sessions

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
)

// ErrDamaged says that parts of a recording can't be read; what can was given.
var ErrDamaged = errors.New("the recording is damaged")

// ErrIdentity says that a recording is for other keys.
var ErrIdentity = errors.New("the recording is encrypted for other keys than these")

// Bounds of what is read: the files may be anybody's.
const (
	mostSegment = 2 << 20
	mostHeader  = 256 << 10
)

// segmentBegin is how an age file begins. It can't be in the middle of one but by forgery, which then can't be read.
const segmentBegin = "age-encryption.org/v1\n"

// Reader reads a recording.
type Reader struct {
	Header Header

	segments *bufio.Scanner
	ids      []age.Identity
	n        int // the next segment's number
	lines    []byte
	at       time.Duration
	damage   error
}

// NewReader reads the beginning of an encrypted recording.
func NewReader(from io.Reader, ids ...age.Identity) (*Reader, error) {
	if len(ids) == 0 {
		return nil, errors.New("to read a recording takes the age identity of one of its recipients")
	}
	s := bufio.NewScanner(from)
	s.Buffer(make([]byte, 0, 64<<10), mostSegment)
	s.Split(splitSegments)
	r := &Reader{segments: s, ids: ids}
	if !s.Scan() {
		return nil, fmt.Errorf("%w: it has no beginning%s", ErrDamaged, because(s.Err()))
	}
	if err := r.open(s.Bytes()); err != nil {
		return nil, err
	}
	line, ok := r.line()
	if !ok || len(line) > mostHeader {
		return nil, fmt.Errorf("%w: it has no header", ErrDamaged)
	}
	if err := json.Unmarshal(line, &r.Header); err != nil {
		return nil, fmt.Errorf("%w: its header can't be read: %s", ErrDamaged, err.Error())
	}
	if h := r.Header; h.Version != 2 || h.Width < 1 || h.Height < 1 || h.Width > 10_000 || h.Height > 10_000 {
		return nil, fmt.Errorf("%w: its header is no asciicast's of version 2", ErrDamaged)
	}
	return r, nil
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// splitSegments is a bufio.SplitFunc that gives age files which stand one after another.
func splitSegments(data []byte, atEOF bool) (int, []byte, error) {
	if len(data) == 0 {
		return 0, nil, nil
	}
	if len(data) < len(segmentBegin) && !atEOF {
		return 0, nil, nil
	}
	if i := bytes.Index(data[1:], []byte(segmentBegin)); i >= 0 {
		return i + 1, data[:i+1], nil
	}
	if atEOF {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// open decrypts a segment.
func (r *Reader) open(b []byte) error {
	r.n++
	plain, err := age.Decrypt(bytes.NewReader(b), r.ids...)
	var other *age.NoIdentityMatchError
	if errors.As(err, &other) {
		return fmt.Errorf("%w: ask somebody who has one of the keys in guard.sessions.recipients of that time", ErrIdentity)
	}
	if err != nil {
		return fmt.Errorf("%w: part %d can't be decrypted: %s", ErrDamaged, r.n, err.Error()) // it may wrap io.EOF
	}
	lines, err := io.ReadAll(io.LimitReader(plain, mostSegment))
	if n := bytes.LastIndexByte(lines, '\n'); err != nil && n >= 0 {
		lines = lines[:n+1] // whole chunks before the damage
	}
	r.lines = lines
	if err != nil {
		return fmt.Errorf("%w: the end of part %d can't be decrypted: %s", ErrDamaged, r.n, err.Error()) // it may wrap io.EOF
	}
	return nil
}

func (r *Reader) line() ([]byte, bool) {
	line, rest, ok := bytes.Cut(r.lines, []byte{'\n'})
	r.lines = rest
	return line, ok
}

// Next gives the next event; io.EOF after the last, ErrDamaged after the last of one that is damaged. Where something is missing, a
// marker says so.
func (r *Reader) Next() (Event, error) {
	for {
		if line, ok := r.line(); ok {
			e, err := parseEvent(line)
			if err != nil {
				return r.damaged(err), nil
			}
			e.At = max(e.At, r.at) // time does not go back
			r.at = e.At
			return e, nil
		}
		if !r.segments.Scan() {
			if err := r.segments.Err(); err != nil {
				return Event{}, errors.Join(r.damage, fmt.Errorf("%w: after part %d: %w", ErrDamaged, r.n, err))
			}
			if r.damage != nil {
				return Event{}, r.damage
			}
			return Event{}, io.EOF
		}
		r.lines = nil
		err := r.open(r.segments.Bytes())
		if err == nil {
			err = r.isNext()
		}
		if err != nil {
			return r.damaged(err), nil
		}
	}
}

// isNext takes the marker that says which segment it is.
func (r *Reader) isNext() error {
	line, ok := r.line()
	if !ok {
		return fmt.Errorf("%w: part %d does not say which it is", ErrDamaged, r.n)
	}
	e, err := parseEvent(line)
	if err != nil {
		return fmt.Errorf("%w: part %d: %w", ErrDamaged, r.n, err)
	}
	id := ""
	if r.Header.Bulkhead != nil {
		id = r.Header.Bulkhead.ID
	}
	if e.Code != Marker || e.Data != segmentMark(id, r.n-1) {
		return fmt.Errorf("%w: something else stands where part %d of it should be: parts are missing, repeated or of another recording", ErrDamaged, r.n)
	}
	return nil
}

// damaged notes what is wrong, and gives a marker for it.
func (r *Reader) damaged(err error) Event {
	if !errors.Is(err, ErrDamaged) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if r.damage == nil {
		r.damage = err
	}
	return Event{At: r.at, Code: Marker, Data: err.Error()}
}

// Export writes a recording as a plain asciicast. It returns ErrDamaged after what could be read.
func (r *Reader) Export(w io.Writer) error {
	out := bufio.NewWriter(w)
	b, err := json.Marshal(r.Header)
	if err != nil {
		return fmt.Errorf("write a recording: %w", err)
	}
	if _, err := out.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("write a recording: %w", err)
	}
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			err = out.Flush()
			if err != nil {
				err = fmt.Errorf("write a recording: %w", err)
			}
			return err
		}
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		if _, err := out.Write(e.line()); err != nil {
			return fmt.Errorf("write a recording: %w", err)
		}
	}
}

// Cast writes a recording of a directory as a plain asciicast, for those who have an identity of one of its recipients. It reads while it
// is being recorded, too.
func Cast(w io.Writer, dir, id string, ids ...age.Identity) error {
	f, _, err := Encrypted(dir, id)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := NewReader(f, ids...)
	if err != nil {
		return err
	}
	return r.Export(w)
}

// Encrypted opens a recording as it is on the disk, for those who decrypt it elsewhere.
func Encrypted(dir, id string) (io.ReadCloser, Entry, error) {
	e, err := Find(dir, id)
	if err != nil {
		return nil, Entry{}, err
	}
	f, err := os.Open(filepath.Join(dir, e.File()))
	if err != nil {
		return nil, Entry{}, fmt.Errorf("a recording: %w", err)
	}
	return f, *e, nil
}

// Digest is that of a recording's file now.
func Digest(dir string, e Entry) (string, int64, error) {
	f, err := os.Open(filepath.Join(dir, e.File()))
	if err != nil {
		return "", 0, fmt.Errorf("a recording: %w", err)
	}
	defer f.Close()
	return sum(f)
}
