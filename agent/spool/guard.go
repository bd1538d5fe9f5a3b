package spool

import (
	"errors"
	"fmt"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// damage says that the file is not what was written.
type damage struct{ err error }

func (d damage) Error() string { return "the file is damaged: " + d.err.Error() }
func (d damage) Unwrap() error { return d.err }

func isDamage(err error) bool {
	var d damage
	return errors.As(err, &d) || errors.Is(err, berrors.ErrInvalid) || errors.Is(err, berrors.ErrChecksum) || errors.Is(err, berrors.ErrVersionMismatch)
}

// guard turns what the database does with a file that changed under it (it panics, or the kernel says that the mapping has no
// page) into an error.
func guard(f func() error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(before)
	defer func() {
		if p := recover(); p != nil {
			err = damage{fmt.Errorf("%v", p)}
		}
	}()
	return f()
}

var errNoFile = errors.New("the spool's file was damaged while it was used; all waits in memory until the agent starts again")

// update writes, with what could not be written before first. The caller holds the lock.
func (s *Spool) update(f func(tx *bolt.Tx) error) error {
	err := errNoFile
	if s.db != nil {
		err = guard(func() error { return s.db.Update(f) })
	}
	if isDamage(err) {
		s.o.Log.Error("the spool's file is damaged; what waits is kept in memory", "error", err)
		s.db = nil // closing would touch it again
	}
	if (err == nil) != (s.failure == nil) {
		if err != nil {
			s.o.Log.Error("the spool can't be written; what waits is kept in memory", "error", err)
		} else {
			s.o.Log.Info("the spool can be written again")
		}
	}
	s.failure = err
	return err
}

// NotKept says that something waits in memory only, and why.
type NotKept struct{ Err error }

// Error implements error.
func (e *NotKept) Error() string {
	return "it is not on disk and would not outlive a restart: " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *NotKept) Unwrap() error { return e.Err }

func notKept(err error) error {
	if err == nil {
		return nil
	}
	return &NotKept{err}
}
