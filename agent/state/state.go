// Package state is what an agent keeps in its data directory: who it is (key, certificate, how it joined) and the last good
// documents that it was given. Files are replaced as a whole and reach the disk before a write returns; what can't be read is an
// error that says what to do, never a guess. It talks to nobody, and it does not judge documents: whoever reads one verifies it.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

// Files of the data directory. SpoolFile and AuditDir are others' to fill.
const (
	keyFile         = "key.pem"
	certificateFile = "certificate.pem"
	nodeFile        = "node.json"
	floorsFile      = "versions.json"
	statusFile      = "status.json"
	lockFile        = "lock"
	logKeyFile      = "log.key"
	documentsDir    = "documents"

	SpoolFile = "spool.db"
	AuditDir  = "audit"
)

// mostFile bounds what is read: a document has 4 MiB, and a third more as base64.
const mostFile = 8 << 20

const nodeSchema = "bulkhead.agent/v1"

// Dir is an agent's data directory. Its methods may be called from many places at once.
type Dir struct {
	path string
	lock *os.File // nil where it was only looked at

	mu     sync.Mutex
	cached identity
}

// Open makes the directory where there is none, and holds it: a second agent is refused.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("the agent's data directory: %w", err)
	}
	if err := private(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(path, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the agent's data directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(&model.Error{
			Code: model.CodeConflict, Message: "another agent runs on the data directory " + path,
			Remedy: "stop it first (systemctl stop bulkhead-agent), or name another with --data-dir",
		}, f.Close())
	}
	return &Dir{path: path, lock: f}, nil
}

// Look gives the directory to read from while an agent may run.
func Look(path string) (*Dir, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, missing(path, err)
	}
	return &Dir{path: path}, nil
}

// Running says whether an agent holds the directory.
func (d *Dir) Running() (bool, error) {
	f, err := os.OpenFile(filepath.Join(d.path, lockFile), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, missing(d.path, err)
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// Close lets another agent have the directory.
func (d *Dir) Close() error {
	if d.lock == nil {
		return nil
	}
	return d.lock.Close()
}

// Path of the directory, or of a file in it.
func (d *Dir) Path(elem ...string) string {
	return filepath.Join(append([]string{d.path}, elem...)...)
}

func private(path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("the agent's data directory: %w", err)
	}
	if fi.Mode().Perm()&0o077 != 0 {
		return &model.Error{
			Code: model.CodeInvalid, Message: fmt.Sprintf("others may reach the agent's data directory %s (mode %#o)", path, fi.Mode().Perm()),
			Remedy: "chmod 700 " + path + ", and look whether the key in it was copied: `bulkhead nodes revoke` makes it useless",
		}
	}
	return nil
}

func missing(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &model.Error{
			Code: model.CodeNotFound, Message: "there is no agent's data in " + path, Remedy: "join first: bulkhead agent --join URL --token-file FILE", Err: err,
		}
	case errors.Is(err, fs.ErrPermission):
		return &model.Error{Code: model.CodeDenied, Message: "the agent's data in " + path + " can't be read", Remedy: "run as the agent's user, most often root", Err: err}
	}
	return fmt.Errorf("the agent's data directory: %w", err)
}

// damaged is the error of a file that is there and can't be understood.
func (d *Dir) damaged(name string, err error, remedy string) error {
	return &model.Error{Code: model.CodeInvalid, Message: d.Path(name) + " is damaged", Remedy: remedy, Err: err}
}

// read reads a file that nobody else may read.
func (d *Dir) read(name string) ([]byte, error) {
	f, err := os.Open(d.Path(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() || fi.Mode().Perm()&0o077 != 0 {
		return nil, &model.Error{
			Code: model.CodeInvalid, Message: fmt.Sprintf("others may reach %s (%s)", f.Name(), fi.Mode()), Remedy: "chmod 600 " + f.Name(),
		}
	}
	b, err := io.ReadAll(io.LimitReader(f, mostFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > mostFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", f.Name(), mostFile)
	}
	return b, nil
}

// write replaces a file as a whole; it is on the disk when it returns.
func (d *Dir) write(name string, b []byte) error {
	f, err := d.stage(name, b)
	if err != nil {
		return err
	}
	return f.commit()
}

// staged is a file's content that is on the disk under another name.
type staged struct{ temporary, path string }

func (d *Dir) stage(name string, b []byte) (*staged, error) {
	path := d.Path(name)
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return &staged{f.Name(), path}, nil
}

func (s *staged) commit() error {
	if err := os.Rename(s.temporary, s.path); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", s.path, err), os.Remove(s.temporary))
	}
	dir, err := os.Open(filepath.Dir(s.path))
	if err != nil {
		return fmt.Errorf("write %s: %w", s.path, err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("write %s: %w", s.path, err)
	}
	return nil
}

// SaveStatus writes how the agent does.
func (d *Dir) SaveStatus(s *model.AgentStatus) error {
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write the status: %w", err)
	}
	return d.write(statusFile, b)
}

// Status reads what SaveStatus wrote, and finds out whether the agent still runs.
func (d *Dir) Status() (*model.AgentStatus, error) {
	b, err := d.read(statusFile)
	if err != nil {
		return nil, missing(d.path, err)
	}
	var s model.AgentStatus
	if err := json.Unmarshal(b, &s); err != nil || s.Schema != model.AgentStatusSchema {
		return nil, d.damaged(statusFile, err, "the agent writes it anew every few seconds: is it running?")
	}
	if s.Running, err = d.Running(); err != nil {
		return nil, err
	}
	if !s.Running {
		s.Connected = false
	}
	return &s, nil
}

// Leave forgets who this node was, so that it can join again. The audit log stays, under another name: a record is never
// removed.
func (d *Dir) Leave(now time.Time) (kept string, err error) {
	for _, name := range []string{nodeFile, certificateFile, keyFile, logKeyFile, floorsFile, statusFile, failureFile, SpoolFile} {
		if err := os.Remove(d.Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("leave: %w", err)
		}
	}
	if err := os.RemoveAll(d.Path(documentsDir)); err != nil {
		return "", fmt.Errorf("leave: %w", err)
	}
	if _, err := os.Stat(d.Path(AuditDir)); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	kept = d.Path(AuditDir + ".left-" + now.UTC().Format("20060102T150405Z"))
	if err := os.Rename(d.Path(AuditDir), kept); err != nil {
		return "", fmt.Errorf("leave: %w", err)
	}
	d.mu.Lock()
	d.cached = identity{}
	d.mu.Unlock()
	return kept, nil
}
