package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/bulkhead-security/bulkhead/model"
)

// keptFile is a file of checkpoints, one JSON object per line, only ever added to, until it is thinned.
type keptFile struct {
	mu   sync.Mutex
	path string
	logs map[string]*keptLog

	size, thinned int64  // of the file, and when it was thinned last
	held          []byte // lines that are not written yet; nil where each is at once
}

type keptLog struct {
	key         string // the first that was seen
	checkpoints []model.Checkpoint
}

type keptLine struct {
	Key        string           `json:"key"`
	Checkpoint model.Checkpoint `json:"checkpoint"`
}

// Limits of the file of kept checkpoints.
const (
	keptFileSize = 8 << 20 // from here on it is thinned when it is opened
	keptNewest   = 500     // that thinning leaves alone, per log
	keptNth      = 16      // of the older ones, every so many is left
	keptOfNode   = 8       // newest ones, and none else
)

func openKept(path string) (*keptFile, error) {
	k := &keptFile{path: path, logs: map[string]*keptLog{}}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	var err error
	if k.size, err = k.load(); err != nil {
		return nil, fmt.Errorf("read kept checkpoints: %w", err)
	}
	k.thinned = k.size
	if k.size > keptFileSize {
		return k, k.thin(true)
	}
	return k, nil
}

// load reads every whole line. A line that a stop left unfinished is passed over.
func (k *keptFile) load() (int64, error) {
	f, err := os.OpenFile(k.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 4*maxNote)
	var size int64
	for s.Scan() {
		size += int64(len(s.Bytes())) + 1
		var line keptLine
		if err := json.Unmarshal(s.Bytes(), &line); err == nil && line.Checkpoint.Origin != "" {
			k.remember(line)
		}
	}
	return size, s.Err()
}

func (k *keptFile) remember(line keptLine) {
	l := k.logs[line.Checkpoint.Origin]
	if l == nil {
		l = &keptLog{key: line.Key}
		k.logs[line.Checkpoint.Origin] = l
	}
	l.checkpoints = append(l.checkpoints, line.Checkpoint)
	if ofNode(line.Checkpoint.Origin) && len(l.checkpoints) > keptOfNode {
		l.checkpoints = slices.Delete(l.checkpoints, 0, len(l.checkpoints)-keptOfNode)
	}
}

func ofNode(origin string) bool { return strings.HasPrefix(origin, model.NodeLogs) }

// of gives what is kept of a log.
func (k *keptFile) of(origin string) (key string, checkpoints []model.Checkpoint) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if l := k.logs[origin]; l != nil {
		return l.key, slices.Clone(l.checkpoints)
	}
	return "", nil
}

// add keeps a checkpoint, unless it is there already.
func (k *keptFile) add(key string, c model.Checkpoint) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if l := k.logs[c.Origin]; l != nil {
		for _, old := range slices.Backward(l.checkpoints) {
			if old.Size == c.Size && string(old.Root) == string(c.Root) {
				return nil
			}
		}
	}
	line := keptLine{key, c}
	b, err := json.Marshal(line)
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if k.held != nil {
		k.held = append(k.held, b...)
		k.remember(line)
		return nil
	}
	if err := k.write(b); err != nil {
		return err
	}
	k.remember(line)
	return nil
}

// hold lets lines wait until release, which writes them all at once.
func (k *keptFile) hold() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held = []byte{}
}

// release writes what was held. Where that fails, what was added is not kept: it is read again.
func (k *keptFile) release() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := k.held
	k.held = nil
	if len(b) == 0 {
		return nil
	}
	if err := k.write(b); err != nil {
		k.logs = map[string]*keptLog{}
		_, again := k.load()
		return errors.Join(err, again)
	}
	if k.size > max(keptFileSize, 2*k.thinned) {
		return k.thin(false)
	}
	return nil
}

// write adds lines to the file.
func (k *keptFile) write(b []byte) error {
	f, err := os.OpenFile(k.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err == nil && end > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, end-1); err == nil && last[0] != '\n' {
			b = append([]byte{'\n'}, b...)
		}
	}
	if _, err := f.Write(b); err != nil {
		return err
	}
	k.size = end + int64(len(b))
	return f.Sync()
}

// thin leaves the newest and some of the older ones: of nodes' logs those that are remembered, and of all others all that are, unless
// all shall be thinned.
func (k *keptFile) thin(all bool) error {
	f, err := os.OpenFile(k.path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	e := json.NewEncoder(w)
	for _, l := range k.logs {
		var left []model.Checkpoint
		for i, c := range l.checkpoints {
			if !all || i%keptNth == 0 || i >= len(l.checkpoints)-keptNewest {
				left = append(left, c)
				err = errors.Join(err, e.Encode(keptLine{l.key, c}))
			}
		}
		l.checkpoints = left
	}
	err = errors.Join(err, w.Flush(), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(k.path+".new", k.path); err != nil {
		return err
	}
	if info, err := os.Stat(k.path); err == nil {
		k.size, k.thinned = info.Size(), info.Size()
	}
	return syncDir(filepath.Dir(k.path))
}

// KeptCheckpoints reads a file of kept checkpoints, e.g. to verify a copy of a log with it. Lines are those of a Keeper's
// file, or plain checkpoints.
func KeptCheckpoints(path string) ([]model.Checkpoint, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 4*maxNote)
	var out []model.Checkpoint
	for n := 1; s.Scan(); n++ {
		if len(s.Bytes()) == 0 {
			continue
		}
		var line keptLine
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("%s line %d: %w", path, n, err)
		}
		if line.Checkpoint.Note == "" {
			if err := json.Unmarshal(s.Bytes(), &line.Checkpoint); err != nil {
				return nil, fmt.Errorf("%s line %d: %w", path, n, err)
			}
		}
		out = append(out, line.Checkpoint)
	}
	return out, s.Err()
}

// ForKey leaves the checkpoints of the log that a verifier key is of.
func ForKey(list []model.Checkpoint, verifierKey string) []model.Checkpoint {
	name, _, _ := strings.Cut(verifierKey, "+")
	return slices.DeleteFunc(slices.Clone(list), func(c model.Checkpoint) bool { return c.Origin != name })
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
