package buildkit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// diskTime is how long another process's use of the file is waited for.
const diskTime = 5 * time.Second

// disk remembers ids of sessions in a file, also for the guard that is started after this one, or that took over from it: the builder keeps
// its files for longer than a guard runs. The file is opened for every use, since two guards use it while builds go on at the earlier one.
type disk struct {
	path string
	most int
	now  func() time.Time
}

func newDisk(path string) *disk { return &disk{path: path, most: mostSpent, now: time.Now} }

// take notes an id that nobody had.
func (d *disk) take(id string) error {
	if d.path == "" {
		return nil
	}
	db, err := bbolt.Open(d.path, 0o600, &bbolt.Options{Timeout: diskTime})
	if err != nil {
		return fmt.Errorf("the guard's memory of sessions of builds can't be read, and so none is opened: %s: %w", d.path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return d.note(tx, id) })
	if cerr := db.Close(); err == nil && cerr != nil {
		err = cerr
	}
	if err != nil && !errors.Is(err, errSpent) && !errors.Is(err, errOpened) {
		err = fmt.Errorf("the guard's memory of sessions of builds can't be written, and so none is opened: %s: %w", d.path, err)
	}
	return err
}

func (d *disk) note(tx *bbolt.Tx, id string) error {
	ids, err := tx.CreateBucketIfNotExists([]byte("ids")) // id → when
	if err != nil {
		return err
	}
	order, err := tx.CreateBucketIfNotExists([]byte("order")) // number → id, the oldest first
	if err != nil {
		return err
	}
	key := spentKey(id)
	if ids.Get(key[:]) != nil {
		return fmt.Errorf("session %s: %w", id, errSpent)
	}
	number := order.Sequence() + 1
	if err := d.makeRoom(ids, order, number); err != nil {
		return err
	}
	if err := ids.Put(key[:], binary.BigEndian.AppendUint64(nil, uint64(d.now().Unix()))); err != nil {
		return err
	}
	if err := order.SetSequence(number); err != nil {
		return err
	}
	return order.Put(binary.BigEndian.AppendUint64(nil, number), key[:])
}

// makeRoom forgets the oldest where all places are taken, if it is old enough. Numbers follow each other, so that the first says how many there are.
func (d *disk) makeRoom(ids, order *bbolt.Bucket, number uint64) error {
	first, oldest := order.Cursor().First()
	if first == nil || number-binary.BigEndian.Uint64(first) < uint64(d.most) {
		return nil
	}
	at := ids.Get(oldest)
	if len(at) == 8 && d.now().Sub(time.Unix(int64(binary.BigEndian.Uint64(at)), 0)) < spentTime {
		return fmt.Errorf("sessions: %w", errOpened)
	}
	if err := ids.Delete(oldest); err != nil {
		return err
	}
	return order.Delete(first)
}
