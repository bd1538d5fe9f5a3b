package images

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// openTime is how long another process's use of the file is waited for.
const openTime = 5 * time.Second

// file is the database. One process at a time can have it open: where two use it, each opens it for as long as it takes.
type file struct {
	path string

	mu    sync.RWMutex // for writing while the way of use changes
	db    *bbolt.DB    // nil while it is opened for every use
	using sync.Mutex   // one use at a time then
}

// keep has it open from now on.
func (f *file) keep() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.db != nil {
		return nil
	}
	db, err := f.open()
	f.db = db
	return err
}

// release closes it. Whoever uses it afterwards opens it for that.
func (f *file) release() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.db == nil {
		return nil
	}
	err := f.db.Close()
	f.db = nil
	return err
}

// alone says whether no other process uses it.
func (f *file) alone() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.db != nil
}

func (f *file) open() (*bbolt.DB, error) {
	db, err := bbolt.Open(f.path, 0o600, &bbolt.Options{Timeout: openTime})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", f.path, err)
	}
	return db, nil
}

func (f *file) view(do func(*bbolt.Tx) error) error {
	return f.with(func(db *bbolt.DB) error { return db.View(do) })
}

func (f *file) update(do func(*bbolt.Tx) error) error {
	return f.with(func(db *bbolt.DB) error { return db.Update(do) })
}

func (f *file) with(do func(*bbolt.DB) error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.db != nil {
		return do(f.db)
	}
	f.using.Lock()
	defer f.using.Unlock()
	db, err := f.open()
	if err != nil {
		return err
	}
	return errors.Join(do(db), db.Close())
}
