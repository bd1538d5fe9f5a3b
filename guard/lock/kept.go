package lock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/bulkhead-security/bulkhead/whole"
)

// keep notes a file as it is, before it is changed.
func (c change) keep() (keptFile, error) {
	k := keptFile{Path: c.path, Existed: c.existed, Before: c.before, After: c.after, Unit: c.unit}
	if !c.existed {
		for dir := filepath.Dir(c.path); ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(dir); err == nil {
				return k, nil
			}
			k.Dirs = append([]string{dir}, k.Dirs...)
		}
	}
	info, err := os.Stat(c.path)
	if err != nil {
		return k, fmt.Errorf("settings of the engine: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return k, fmt.Errorf("settings of the engine: whose %s is can't be seen", c.path)
	}
	k.Was, k.Changed = perm{Mode: uint32(info.Mode().Perm()), UID: int(st.Uid), GID: int(st.Gid)}, info.ModTime()
	return k, nil
}

// apply writes what keeps the lock.
func (k *keptFile) apply() error {
	if err := os.MkdirAll(filepath.Dir(k.Path), 0o755); err != nil { //nolint:gosec // as systemd's own
		return fmt.Errorf("settings of the engine: %w", err)
	}
	if k.Existed {
		return k.write(k.After)
	}
	return whole.Write(k.Path, k.After, 0o644)
}

func (k *keptFile) write(b []byte) error {
	if err := whole.Write(k.Path, b, os.FileMode(k.Was.Mode)); err != nil {
		return err
	}
	if err := os.Chown(k.Path, k.Was.UID, k.Was.GID); err != nil {
		return fmt.Errorf("write %s: %w", k.Path, err)
	}
	return nil
}

// restore puts back what was there. A file that somebody has changed since keeps those changes: only what the lock set is taken out.
func (k *keptFile) restore() (note string, err error) {
	now, exists, err := readSetting(k.Path)
	if err != nil {
		return "", err
	}
	switch {
	case exists && bytes.Equal(now, k.Before) && k.Existed:
		return "", nil // as it was
	case exists && !bytes.Equal(now, k.After):
		return k.takeOut(now)
	case !exists && k.Existed && !bytes.Equal(k.Before, k.After):
		return k.Path + " was removed since it was locked: it stays so", nil
	case k.Existed:
		if err := k.write(k.Before); err != nil {
			return "", err
		}
		return "", os.Chtimes(k.Path, k.Changed, k.Changed)
	}
	if exists {
		if err := os.Remove(k.Path); err != nil {
			return "", fmt.Errorf("put back what was there: %w", err)
		}
	}
	for _, dir := range slices.Backward(k.Dirs) {
		if err := os.Remove(dir); err != nil { // others have put something into it, which stays
			break
		}
	}
	return "", nil
}

// takeOut gives a changed daemon.json its group back; a changed drop-in stays as somebody wanted it.
func (k *keptFile) takeOut(now []byte) (string, error) {
	if k.Unit || !json.Valid(now) {
		return k.Path + " was changed since it was locked: it stays as it is. Look whether it still locks the socket", nil
	}
	var after []byte
	var err error
	if old := gjson.GetBytes(k.Before, "group"); old.Exists() {
		after, err = sjson.SetRawBytes(now, "group", []byte(old.Raw))
	} else {
		after, err = sjson.DeleteBytes(now, "group")
	}
	if err != nil {
		return "", fmt.Errorf("put back what was there: %s: %w", k.Path, err)
	}
	note := k.Path + ` was changed since it was locked: only its "group" was put back`
	if k.Existed {
		return note, k.write(after)
	}
	return note, whole.Write(k.Path, after, 0o644)
}
