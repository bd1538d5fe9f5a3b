package pki

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

const masterSize = 32

// readMaster reads the master key and refuses a file that anybody else may read or write.
func readMaster(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the master key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at the master key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("the master key %s is not a regular file", path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 && !handedOver(info, os.Getegid()) {
		return nil, fmt.Errorf("the master key %s has permissions %#o and others may have read it: chmod 600 it, and make a new installation if they did", path, perm)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() && st.Uid != 0 {
		return nil, fmt.Errorf("the master key %s belongs to user %d: it must belong to the server's own user or to root", path, st.Uid)
	}
	key, err := io.ReadAll(io.LimitReader(f, masterSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the master key: %w", err)
	}
	if len(key) != masterSize {
		return nil, fmt.Errorf("the master key %s is damaged: it must have %d bytes; copy it from a backup or from another replica", path, masterSize)
	}
	return key, nil
}

// handedOver says whether root gave the file to the server's own group to read, as Kubernetes mounts a secret for a pod that does
// not run as root.
func handedOver(info os.FileInfo, group int) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Uid == 0 && group != 0 && int(st.Gid) == group && info.Mode().Perm()&0o037 == 0
}

// makeMaster makes the master key so that the name either has the whole key or nothing, and never replaces one that another
// process made meanwhile.
func makeMaster(path string) ([]byte, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the master key: %w", err)
	}
	key := make([]byte, masterSize)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make the master key: %w", err)
	}
	f, err := os.CreateTemp(dir, ".master-*") // 0600
	if err != nil {
		return nil, fmt.Errorf("make the master key: %w", err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // a leftover is a key that opens nothing
	_, err = f.Write(key)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return nil, fmt.Errorf("write the master key: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil {
		if errors.Is(err, os.ErrExist) {
			return readMaster(path)
		}
		return nil, fmt.Errorf("write the master key: %w", err)
	}
	return key, syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("write the master key: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("write the master key: %w", err)
	}
	return nil
}
