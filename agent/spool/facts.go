package spool

import (
	"fmt"
	"maps"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/bulkhead-security/bulkhead/fleet/facts"
)

// Facts are the newest facts, when they were taken, and the digests of what the server has.
func (s *Spool) Facts() (set facts.Set, taken time.Time, acked map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.facts, s.taken, maps.Clone(s.acked)
}

// SetFacts replaces the newest facts. They are the spool's from here on. A *NotKept says that they are in memory only.
func (s *Spool) SetFacts(set facts.Set, taken time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.facts, s.taken = set, taken
	err := s.writeFacts()
	if err == nil && len(s.memory)+len(s.gone) > 0 {
		err = s.flush() // the disk has room again
	}
	return notKept(err)
}

func (s *Spool) writeFacts() error {
	size := int64(0)
	for k, f := range s.facts {
		size += int64(len(k) + len(f.Data))
	}
	s.unkept = nil
	if size > s.room/2 {
		s.unkept = fmt.Errorf("the facts have %d bytes, and the spool has room for %d of them: make it larger (agent.spool)", size, s.room/2)
		return s.unkept
	}
	err := s.update(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketFacts)
		for k := range s.onDisk {
			if _, stays := s.facts[k]; !stays {
				if err := b.Delete([]byte(k)); err != nil {
					return err
				}
			}
		}
		for k, f := range s.facts {
			if s.onDisk[k] == f.Digest {
				continue
			}
			if err := b.Put([]byte(k), f.Data); err != nil {
				return err
			}
		}
		taken, err := s.taken.MarshalBinary()
		if err != nil {
			return err
		}
		return tx.Bucket(bucketMeta).Put(metaTaken, taken)
	})
	if err == nil {
		s.onDisk = s.facts.Digests()
	}
	return err
}

// SetAcked says what the server has. A *NotKept says that a restart would not know, which costs sending it again.
func (s *Spool) SetAcked(digests map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acked = maps.Clone(digests)
	err := s.update(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketAcked)
		for k := range s.ackedOn {
			if _, stays := digests[k]; !stays {
				if err := b.Delete([]byte(k)); err != nil {
					return err
				}
			}
		}
		for k, d := range digests {
			if s.ackedOn[k] != d {
				if err := b.Put([]byte(k), []byte(d)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil {
		s.ackedOn = maps.Clone(digests)
	}
	return notKept(err)
}
