package sessions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Outcome is how a recording ended.
type Outcome string

// Outcomes.
const (
	Running     Outcome = "running"
	Ended       Outcome = "ended"       // with its session
	Cut         Outcome = "cut"         // its session was ended because the right to it had
	Interrupted Outcome = "interrupted" // the guard stopped or was killed
	Full        Outcome = "full"        // the recording, not the session, came to its bound
	Failed      Outcome = "failed"      // it could not be written on
)

// Entry is what stands in plain text beside a recording.
type Entry struct {
	ID          string     `json:"id"`
	Kind        string     `json:"kind"`
	Start       time.Time  `json:"start"`
	End         *time.Time `json:"end,omitempty"`
	Account     string     `json:"account,omitempty"`
	AccountName string     `json:"account_name,omitempty"`
	Tenant      string     `json:"tenant,omitempty"`
	Address     string     `json:"address,omitempty"`
	Host        string     `json:"host,omitempty"`
	Container   string     `json:"container,omitempty"`
	Name        string     `json:"container_name,omitempty"`
	Image       string     `json:"image,omitempty"`
	Exec        string     `json:"exec,omitempty"`
	Command     string     `json:"command,omitempty"`
	Terminal    bool       `json:"terminal"`
	Input       bool       `json:"input"`
	// Decision is the audit record of the decision, Sealed that which has the digest.
	Decision string `json:"record,omitempty"`
	Sealed   string `json:"sealed,omitempty"`
	// Outcome and Why say how it ended; Bytes is the size of the file, Lost what was on the terminal and is not in it.
	Outcome Outcome `json:"outcome,omitempty"`
	Why     string  `json:"why,omitempty"`
	Bytes   int64   `json:"bytes,omitempty"`
	Lost    int64   `json:"lost,omitempty"`
	// Digest is "sha256:" and the file's SHA-256.
	Digest string `json:"digest,omitempty"`
}

// The files of a recording, and how large the one in plain text is: it is written at the beginning as large as it can become, so that
// its end can be written when the disk is full.
const (
	castSuffix  = ".cast.age"
	entrySuffix = ".json"
	entrySize   = 4096
	mostListed  = 200_000
	timeFormat  = "20060102T150405Z"
)

// File is the name of the recording.
func (e *Entry) File() string { return e.stem() + castSuffix }

func (e *Entry) stem() string { return e.Start.UTC().Format(timeFormat) + "-" + e.ID }

// line is the entry as it is written: one line of JSON, padded.
func (e *Entry) line() ([]byte, error) {
	c := *e
	for {
		b, err := json.Marshal(c)
		if err != nil {
			return nil, fmt.Errorf("write what is known of a recording: %w", err)
		}
		if len(b) < entrySize {
			return append(b, append(bytes.Repeat([]byte{' '}, entrySize-1-len(b)), '\n')...), nil
		}
		if len(c.Command)+len(c.Why) < 64 {
			return nil, errors.New("write what is known of a recording: its names are too long")
		}
		c.Command, c.Why = clip(c.Command, len(c.Command)/2), clip(c.Why, len(c.Why)/2)
	}
}

// write puts the entry beside its recording.
func (e *Entry) write(dir string) error {
	b, err := e.line()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, e.stem()+entrySuffix), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("write what is known of a recording: %w", err)
	}
	_, err = f.WriteAt(b, 0)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write what is known of a recording: %w", err)
	}
	return nil
}

// readEntry reads what stands beside a recording.
func readEntry(path string) (*Entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("what is known of a recording: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, entrySize+1))
	if err != nil {
		return nil, fmt.Errorf("what is known of a recording: %w", err)
	}
	if len(b) > entrySize {
		return nil, fmt.Errorf("what is known of a recording: %s is too large", filepath.Base(path))
	}
	var e Entry
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("what is known of a recording: %s: %w", filepath.Base(path), err)
	}
	return &e, nil
}

// List gives the recordings of a directory, oldest first. Of one whose entry can't be read it gives what its name says.
func List(dir string) ([]Entry, error) {
	names, err := casts(dir)
	if err != nil {
		return nil, err
	}
	all := make([]Entry, 0, len(names))
	for _, name := range names {
		e, err := known(dir, name)
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				continue // it was removed meanwhile
			}
			return nil, err
		}
		all = append(all, *e)
	}
	return all, nil
}

// casts are the names of the recordings, oldest first.
func casts(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("the directory of recordings: %w", err)
	}
	defer d.Close()
	found, err := d.Readdirnames(2*mostListed + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the directory of recordings: %w", err)
	}
	if len(found) > 2*mostListed {
		return nil, fmt.Errorf("the directory of recordings %s has more than %d of them: move some away, or lower guard.sessions.keep", dir, mostListed)
	}
	names := slices.DeleteFunc(found, func(n string) bool {
		return !strings.HasSuffix(n, castSuffix) || len(n) < len(timeFormat)+len(castSuffix)+2
	})
	slices.Sort(names)
	return names, nil
}

// known is what is known of a recording by its file's name.
func known(dir, name string) (*Entry, error) {
	fi, err := os.Lstat(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("a recording: %w", err)
	}
	stem := strings.TrimSuffix(name, castSuffix)
	e, err := readEntry(filepath.Join(dir, stem+entrySuffix))
	if err != nil || e.File() != name {
		e = &Entry{ID: stem[len(timeFormat)+1:], Outcome: Running}
		if at, err := time.Parse(timeFormat, stem[:len(timeFormat)]); err == nil {
			e.Start = at
		}
		e.Why = "what was known of it is lost; its header says whose it is"
	}
	if e.Outcome == Running {
		e.Bytes = fi.Size()
	}
	return e, nil
}

// Find gives the one recording whose id begins so.
func Find(dir, id string) (*Entry, error) {
	names, err := casts(dir)
	if err != nil {
		return nil, err
	}
	var found string
	for _, name := range names {
		of := strings.TrimSuffix(name, castSuffix)[len(timeFormat)+1:]
		switch {
		case id == "" || !strings.HasPrefix(of, id):
			continue
		case of == id:
			return known(dir, name)
		case found != "":
			return nil, fmt.Errorf("more than one recording's id begins with %q: give more of it", id)
		}
		found = name
	}
	if found == "" {
		return nil, fmt.Errorf("no recording %.80q in %s; `bulkhead guard sessions list` shows those that are there", id, dir)
	}
	return known(dir, found)
}
