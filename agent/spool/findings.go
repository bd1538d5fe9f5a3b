package spool

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/bulkhead-security/bulkhead/model"
)

// Add puts a finding at the end. One with the same id that waits is replaced by it. When Add returns nil it outlives whatever
// happens to the process; a *NotKept says that it waits in memory only.
func (s *Spool) Add(f model.Finding) error {
	if f.ID == "" {
		return fmt.Errorf("a finding has no id")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memory = slices.DeleteFunc(s.memory, func(i Item) bool { return i.Finding.ID == f.ID })
	s.seq++
	s.memory = append(s.memory, Item{Finding: f, seq: s.seq})
	err := s.flush()
	if err != nil && len(s.memory) > mostInMemory {
		n := len(s.memory) - mostInMemory
		s.memory = slices.Delete(s.memory, 0, n)
		s.lost += int64(n)
	}
	return notKept(err)
}

// flush writes what is in memory only. The caller holds the lock.
func (s *Spool) flush() error {
	waiting, dropped := s.waiting, s.dropped+s.lost
	err := s.update(func(tx *bolt.Tx) error {
		waiting, dropped = s.waiting, s.dropped+s.lost
		findings, ids := tx.Bucket(bucketFindings), tx.Bucket(bucketIDs)
		remove := func(k []byte) error {
			v := findings.Get(k)
			i, err := item(k, v)
			if err != nil {
				return err
			}
			waiting -= i.size
			if at := ids.Get([]byte(i.Finding.ID)); string(at) == string(k) {
				if err := ids.Delete([]byte(i.Finding.ID)); err != nil {
					return err
				}
			}
			return findings.Delete(k)
		}
		for seq := range s.gone {
			if k := number(seq); findings.Get(k) != nil {
				if err := remove(k); err != nil {
					return err
				}
			}
		}
		for _, i := range s.memory {
			if k := ids.Get([]byte(i.Finding.ID)); k != nil {
				if err := remove(slices.Clone(k)); err != nil {
					return err
				}
			}
			v, err := json.Marshal(i.Finding)
			if err != nil {
				return err
			}
			if err := findings.Put(number(i.seq), v); err != nil {
				return err
			}
			if err := ids.Put([]byte(i.Finding.ID), number(i.seq)); err != nil {
				return err
			}
			waiting += int64(8 + len(v))
		}
		for waiting > s.room/2 {
			k, _ := findings.Cursor().First()
			if k == nil {
				break
			}
			if err := remove(slices.Clone(k)); err != nil {
				return err
			}
			dropped++
		}
		if dropped == s.dropped {
			return nil
		}
		return tx.Bucket(bucketMeta).Put(metaDropped, number(uint64(max(dropped, 0))))
	})
	if err == nil {
		s.waiting, s.dropped, s.lost, s.memory = waiting, dropped, 0, nil
		clear(s.gone)
	}
	return err
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// Next gives findings from the front: at most n, and about so many bytes. They wait until Done.
func (s *Spool) Next(n int, most int64) []Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Item
	size := int64(0)
	full := func() bool { return len(out) >= n || len(out) > 0 && size >= most }
	if s.db != nil {
		err := guard(func() error {
			return s.db.View(func(tx *bolt.Tx) error {
				c := tx.Bucket(bucketFindings).Cursor()
				for k, v := c.First(); k != nil && !full(); k, v = c.Next() {
					i, err := item(k, v)
					if err != nil {
						return err
					}
					if s.gone[i.seq] || slices.ContainsFunc(s.memory, func(m Item) bool { return m.Finding.ID == i.Finding.ID }) {
						continue
					}
					out = append(out, i)
					size += i.size
				}
				return nil
			})
		})
		if err != nil {
			s.o.Log.Error("the spool can't be read; what waits on disk stays there", "error", err)
			s.failure = err
			if isDamage(err) {
				s.db = nil
			}
		}
	}
	for _, i := range s.memory {
		if full() {
			break
		}
		out = append(out, i)
		size += 500
	}
	return out
}

// Done takes out what the server has. A *NotKept says that a restart would send it again, which is harmless.
func (s *Spool) Done(items []Item) error {
	if len(items) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range items {
		s.gone[i.seq] = true
	}
	s.memory = slices.DeleteFunc(s.memory, func(i Item) bool { return s.gone[i.seq] })
	return notKept(s.flush())
}

// State is how full the spool is.
type State struct {
	Waiting int64 // bytes of findings, on disk and in memory
	Dropped int64 // findings that were dropped, for good
	Err     error // why it can't be written
}

// State says how full the spool is.
func (s *Spool) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := State{Waiting: s.waiting, Dropped: s.dropped + s.lost, Err: errors.Join(s.failure, s.unkept)}
	for range s.memory {
		st.Waiting += 500
	}
	return st
}
