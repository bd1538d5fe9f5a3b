// Package spool keeps on disk what the server has not taken yet: the newest facts with what the server acknowledged of them, and
// findings in their order. It has a bound; what does not fit is dropped, the oldest first, and counted for good. Where the disk
// can't be written it goes on in memory and says so. It sends nothing and judges nothing.
package spool

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/bits"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/model"
)

// Bounds of Options.Bytes.
const (
	LeastBytes = 4 << 20
	MostBytes  = 4 << 30
)

// mostInMemory bounds findings that wait in memory, while the disk can't be written.
const mostInMemory = 1000

// Options say where the spool is and how large.
type Options struct {
	Path string
	// Bytes bounds the file; it counts as the next lower power of two. A quarter is for facts, a quarter for findings, and the rest
	// is what writing needs.
	Bytes int64
	Log   *slog.Logger
	Now   func() time.Time
}

// Spool is safe for use from many places at once.
type Spool struct {
	o    Options
	room int64 // bytes of data

	mu      sync.Mutex
	db      *bolt.DB // nil once it can't be used any more
	failure error    // of the last write
	unkept  error    // why the facts are in memory only
	facts   facts.Set
	onDisk  map[string]string // digests of the facts that are on disk
	taken   time.Time
	acked   map[string]string // digests by key that the server has
	ackedOn map[string]string // of these, what is on disk
	seq     uint64            // of the newest finding
	waiting int64             // bytes of findings on disk
	memory  []Item            // findings that are not on disk
	gone    map[uint64]bool   // taken by the server, but still on disk
	dropped int64             // on disk
	lost    int64             // dropped, and not yet counted on disk
}

// Item is a finding that waits.
type Item struct {
	Finding model.Finding
	seq     uint64
	size    int64
}

// Buckets and keys.
var (
	bucketFacts    = []byte("facts")    // key to JSON
	bucketAcked    = []byte("acked")    // key to digest
	bucketFindings = []byte("findings") // number to JSON
	bucketIDs      = []byte("ids")      // id to number
	bucketMeta     = []byte("meta")
	metaTaken      = []byte("taken")
	metaDropped    = []byte("dropped")
)

func buckets() [][]byte {
	return [][]byte{bucketFacts, bucketAcked, bucketFindings, bucketIDs, bucketMeta}
}

// Lost tells that a spool was damaged, and where it was moved.
type Lost struct {
	Path string
	Err  error
}

// Open opens the spool and makes it when there is none. A damaged one is moved aside and told, and a new one begun.
func Open(o Options) (*Spool, *Lost, error) {
	if o.Bytes < LeastBytes || o.Bytes > MostBytes {
		return nil, nil, fmt.Errorf("the spool's bound is %d; it must be between %d and %d bytes", o.Bytes, LeastBytes, int64(MostBytes))
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	file := int64(1) << (bits.Len64(uint64(o.Bytes)) - 1)
	s := &Spool{o: o, room: file / 2}
	s.empty()
	err := s.open(int(file))
	if err == nil {
		return s, nil, nil
	}
	if !isDamage(err) {
		return nil, nil, errors.Join(fmt.Errorf("open the spool %s: %w", o.Path, err), s.closeDB())
	}
	lost := &Lost{Path: o.Path + ".damaged-" + o.Now().UTC().Format("20060102T150405.000000000Z"), Err: err}
	_ = s.closeDB() // what is wrong with it is known
	s.empty()
	if err := moveAside(o.Path, lost.Path); err != nil {
		return nil, nil, fmt.Errorf("the spool %s is damaged (%w), and can't be moved aside", o.Path, errors.Join(lost.Err, err))
	}
	o.Log.Error("the spool was damaged; what waited in it is lost", "moved to", lost.Path, "error", lost.Err)
	if err := s.open(int(file)); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open the spool %s: %w", o.Path, err), s.closeDB())
	}
	return s, lost, nil
}

// moveAside keeps one damaged spool, for whoever wants to look at it, and no more.
func moveAside(path, to string) error {
	old, err := filepath.Glob(path + ".damaged-*")
	if err != nil {
		return err
	}
	for _, p := range old {
		if err := os.Remove(p); err != nil {
			return err
		}
	}
	return os.Rename(path, to)
}

func (s *Spool) empty() {
	s.facts, s.onDisk, s.acked, s.ackedOn, s.gone = facts.Set{}, map[string]string{}, map[string]string{}, map[string]string{}, map[uint64]bool{}
	s.seq, s.waiting, s.dropped, s.taken = 0, 0, 0, time.Time{}
}

func (s *Spool) open(file int) error {
	return guard(func() error {
		db, err := bolt.Open(s.o.Path, 0o600, &bolt.Options{Timeout: time.Second, MaxSize: file, FreelistType: bolt.FreelistMapType})
		if err != nil {
			return err
		}
		s.db = db
		db.AllocSize = 256 << 10
		if err := db.View(s.check); err != nil {
			return err
		}
		if err := db.Update(func(tx *bolt.Tx) error {
			for _, b := range buckets() {
				if _, err := tx.CreateBucketIfNotExists(b); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		return db.View(s.load)
	})
}

// check looks whether the file is whole. Its length comes first: the check itself runs where a fault can't be caught.
func (s *Spool) check(tx *bolt.Tx) error {
	fi, err := os.Stat(s.o.Path)
	if err != nil {
		return err
	}
	if fi.Size() < tx.Size() {
		return damage{fmt.Errorf("it has %d bytes, and should have %d", fi.Size(), tx.Size())}
	}
	var first error
	for err := range tx.Check() { // to its end: it waits for who reads
		if first == nil {
			first = damage{err}
		}
	}
	return first
}

// load reads all into memory, but for the findings, of which it reads how much they are.
func (s *Spool) load(tx *bolt.Tx) error {
	err := tx.Bucket(bucketFacts).ForEach(func(k, v []byte) error {
		f, err := facts.Of(string(k), append([]byte(nil), v...))
		if err != nil {
			return damage{err}
		}
		s.facts[f.Key], s.onDisk[f.Key] = f, f.Digest
		return nil
	})
	if err != nil {
		return err
	}
	err = tx.Bucket(bucketAcked).ForEach(func(k, v []byte) error {
		s.acked[string(k)] = string(v)
		return nil
	})
	if err != nil {
		return err
	}
	s.ackedOn = maps.Clone(s.acked)
	err = tx.Bucket(bucketFindings).ForEach(func(k, v []byte) error {
		if _, err := item(k, v); err != nil {
			return err
		}
		s.seq = binary.BigEndian.Uint64(k)
		s.waiting += int64(len(k) + len(v))
		return nil
	})
	if err != nil {
		return err
	}
	meta := tx.Bucket(bucketMeta)
	if b := meta.Get(metaDropped); len(b) == 8 {
		s.dropped = int64(binary.BigEndian.Uint64(b))
	}
	if b := meta.Get(metaTaken); b != nil {
		if err := s.taken.UnmarshalBinary(b); err != nil {
			return damage{err}
		}
	}
	return nil
}

func item(k, v []byte) (Item, error) {
	i := Item{size: int64(len(k) + len(v))}
	if len(k) != 8 {
		return i, damage{fmt.Errorf("a finding has the number %x", k)}
	}
	i.seq = binary.BigEndian.Uint64(k)
	if err := json.Unmarshal(v, &i.Finding); err != nil || i.Finding.ID == "" {
		return i, damage{fmt.Errorf("finding %d can't be read: %w", i.seq, err)}
	}
	return i, nil
}

// Close closes the file.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closeDB()
}

func (s *Spool) closeDB() error {
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	return guard(db.Close)
}

// Remove takes a spool's file away, for a node that leaves.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the spool: %w", err)
	}
	return nil
}
