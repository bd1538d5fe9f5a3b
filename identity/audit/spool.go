package audit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
)

// spool is a file with room set aside for entries while the log can't be written. Each entry is on disk when put returns.
//
//	header: magic (8) generation (8) base (8) crc32 (4) zero (4)
//	entry:  length (4) crc32 of generation and data (4) data
//
// base is the size of the log when the first entry was put: whatever of the spool is already in the log is there or
// later. A new generation makes all entries of the one before invalid, so that emptying is one write.
type spool struct {
	f    *os.File
	gen  uint64
	base uint64
	end  int64
	most int64
	n    atomic.Int64
}

const (
	spoolMagic  = "BHSPOOL1"
	spoolHeader = 32
	spoolRoom   = 4 << 20
)

var errSpoolFull = errors.New("the spool beside the audit log is full")

func openSpool(path string, size int64) (*spool, error) {
	if size <= 0 {
		size = spoolRoom
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	s := &spool{f: f, end: spoolHeader, most: size}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

func (s *spool) load() error {
	// Two servers on one machine may have a directory for it in common.
	if err := syscall.Flock(int(s.f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another process has the spool open: %w", err)
	}
	// A file that already has its room is left alone: a full disk must not hinder the start.
	info, err := s.f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < s.most {
		err := syscall.Fallocate(int(s.f.Fd()), 0, 0, s.most)
		if errors.Is(err, syscall.EOPNOTSUPP) {
			_, err = s.f.WriteAt(make([]byte, s.most-info.Size()), info.Size())
		}
		if err != nil {
			return fmt.Errorf("set %d bytes aside for the spool: %w", s.most, err)
		}
	}
	header := make([]byte, spoolHeader)
	if _, err := s.f.ReadAt(header, 0); err != nil {
		return fmt.Errorf("read the spool: %w", err)
	}
	if string(header[:8]) != spoolMagic || crc32.ChecksumIEEE(header[:24]) != binary.BigEndian.Uint32(header[24:]) {
		return s.writeHeader(1, 0)
	}
	s.gen, s.base = binary.BigEndian.Uint64(header[8:]), binary.BigEndian.Uint64(header[16:])
	return s.each(func([]byte) error { s.n.Add(1); return nil })
}

func (s *spool) writeHeader(gen, base uint64) error {
	header := make([]byte, spoolHeader)
	copy(header, spoolMagic)
	binary.BigEndian.PutUint64(header[8:], gen)
	binary.BigEndian.PutUint64(header[16:], base)
	binary.BigEndian.PutUint32(header[24:], crc32.ChecksumIEEE(header[:24]))
	if _, err := s.f.WriteAt(header, 0); err != nil {
		return fmt.Errorf("write the spool: %w", err)
	}
	if err := s.f.Sync(); err != nil {
		return fmt.Errorf("write the spool: %w", err)
	}
	s.gen, s.base = gen, base
	return nil
}

func (s *spool) sum(data []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(binary.BigEndian.AppendUint64(nil, s.gen)), crc32.IEEETable, data)
}

// put adds an entry; size is that of the log now.
func (s *spool) put(data []byte, size uint64) error {
	if s.end+8+int64(len(data)) > s.most {
		return errSpoolFull
	}
	if s.count() == 0 {
		if err := s.writeHeader(s.gen+1, size); err != nil {
			return err
		}
		s.end = spoolHeader
	}
	entry := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	entry = binary.BigEndian.AppendUint32(entry, s.sum(data))
	entry = append(entry, data...)
	if _, err := s.f.WriteAt(entry, s.end); err != nil {
		return fmt.Errorf("write the spool: %w", err)
	}
	if err := s.f.Sync(); err != nil {
		return fmt.Errorf("write the spool: %w", err)
	}
	s.end += int64(len(entry))
	s.n.Add(1)
	return nil
}

// each calls f with every whole entry and leaves end after the last.
func (s *spool) each(f func([]byte) error) error {
	at := int64(spoolHeader)
	head := make([]byte, 8)
	for at+8 <= s.most {
		if _, err := s.f.ReadAt(head, at); err != nil {
			return fmt.Errorf("read the spool: %w", err)
		}
		n := int64(binary.BigEndian.Uint32(head))
		if n == 0 || n > maxEntry || at+8+n > s.most {
			break
		}
		data := make([]byte, n)
		if _, err := s.f.ReadAt(data, at+8); err != nil {
			return fmt.Errorf("read the spool: %w", err)
		}
		if s.sum(data) != binary.BigEndian.Uint32(head[4:]) {
			break
		}
		if err := f(data); err != nil {
			return err
		}
		at += 8 + n
	}
	s.end = at
	return nil
}

func (s *spool) count() int64 { return s.n.Load() }

func (s *spool) clear() error {
	if err := s.writeHeader(s.gen+1, 0); err != nil {
		return err
	}
	s.end = spoolHeader
	s.n.Store(0)
	return nil
}

func (s *spool) close() { s.f.Close() }

// emptySpool appends the spool's entries to the log.
func (w *writer) emptySpool() {
	var batch []*pending
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := w.add(batch)
		batch = batch[:0]
		return err
	}
	err := w.spool.each(func(data []byte) error {
		if batch = append(batch, &pending{entry: data}); len(batch) < w.o.Batch {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		w.retry = w.soon()
		// Some may be in the log: find out which, so that none is there twice.
		if err := w.skipAppended(w.ctx); err != nil {
			w.log.Error("the audit log can't be read", "err", err)
		}
		return
	}
	count := w.spool.count()
	if err := w.spool.clear(); err != nil {
		w.retry = w.soon()
		w.log.Error("the spool of the audit log can't be emptied", "err", err)
		return
	}
	w.log.Info("records of the spool are in the audit log", "count", count)
}

// skipAppended takes out of the spool what is in the log already, after a stop in between.
func (l *Log) skipAppended(ctx context.Context) error {
	if l.spool == nil || l.spool.count() == 0 {
		return nil
	}
	var left [][]byte
	waiting := map[string]int{}
	if err := l.spool.each(func(data []byte) error {
		waiting[string(data)] = len(left)
		left = append(left, data)
		return nil
	}); err != nil {
		return err
	}
	found := 0
	for e, err := range l.entries(ctx, l.spool.base, l.Size()) {
		if err != nil {
			return err
		}
		if i, ok := waiting[string(e.data)]; ok && left[i] != nil {
			left[i] = nil
			found++
		}
	}
	if found == 0 {
		return nil
	}
	base := l.spool.base
	if found == len(left) {
		return l.spool.clear()
	}
	return l.spool.rewrite(left, base)
}

// rewrite replaces the entries. A stop in between leaves the old ones or fewer of the new ones; to lose none, the new ones
// go to another file first.
func (s *spool) rewrite(entries [][]byte, base uint64) error {
	name := s.f.Name()
	if err := os.Remove(name + ".new"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	next, err := openSpool(name+".new", s.most)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e != nil {
			err = errors.Join(err, next.put(e, base))
		}
	}
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		return errors.Join(err, next.f.Close())
	}
	s.f.Close()
	s.f, s.gen, s.base, s.end = next.f, next.gen, next.base, next.end
	s.n.Store(next.count())
	return syncDir(filepath.Dir(name))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
