package lock

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/whole"
)

// mostGuardFile bounds the guard's status file.
const mostGuardFile = 64 << 10

// WriteStatus writes the guard's status file, for everybody to read. The guard calls it when it serves and when what it says changes, and
// RemoveStatus when it ends.
func WriteStatus(path string, s model.GuardStatus) error {
	s.Schema = model.GuardSchema
	s.Engine, s.Socket = normal(s.Engine), normal(s.Socket)
	var err error
	if s.Ticks, s.Boot, err = started(s.PID); err != nil {
		return fmt.Errorf("the guard's status: %w", err)
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("the guard's status: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // it is there to be read
		return fmt.Errorf("the guard's status: %w", err)
	}
	return whole.Write(path, append(b, '\n'), 0o644)
}

// normal is a socket's path as everybody names it.
func normal(path string) string {
	if path = strings.TrimPrefix(path, "unix://"); path == "" {
		return ""
	}
	return resolve(path)
}

// RemoveStatus takes the file away, unless another guard has written its own meanwhile.
func RemoveStatus(path string, pid int) error {
	s, err := decodeStatus(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && s.PID != pid {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the guard's status: %w", err)
	}
	return nil
}

// ReadStatus reads what the running guard says of itself. A file counts only when root alone can have written it, and the process that it
// names is the one that wrote it.
func ReadStatus(path string) (model.GuardStatus, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return model.GuardStatus{}, fmt.Errorf("the guard does not run: there is no %s", path)
	}
	if err != nil {
		return model.GuardStatus{}, fmt.Errorf("the guard's status: %w", err)
	}
	for _, p := range []string{path, filepath.Dir(path)} {
		if err := rootsAlone(p); err != nil {
			return model.GuardStatus{}, err
		}
	}
	s, err := decodeStatus(path)
	if err != nil {
		return model.GuardStatus{}, err
	}
	if err := same(&s); err != nil {
		return model.GuardStatus{}, fmt.Errorf("the guard does not run: %s: %w", path, err)
	}
	return s, nil
}

// same says whether the process that wrote a status still runs: another one may have got its number.
func same(s *model.GuardStatus) error {
	ticks, boot, err := started(s.PID)
	switch {
	case err != nil:
		return err
	case s.Ticks == 0 || s.Boot == "":
		return errors.New("it does not say when its process began: start the guard again")
	case ticks != s.Ticks || boot != s.Boot:
		return fmt.Errorf("the process %d started after it was written, so it is another one", s.PID)
	}
	return nil
}

func rootsAlone(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("the guard's status: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok || int(st.Uid) != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s does not belong to root: what it says does not count", path)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s can be written by others than root: what it says does not count", path)
	}
	return nil
}

func decodeStatus(path string) (model.GuardStatus, error) {
	var s model.GuardStatus
	b, err := readFile(path, mostGuardFile)
	if err != nil {
		return s, fmt.Errorf("the guard's status: %w", err)
	}
	if s, err = model.ParseGuardStatus(b); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}
