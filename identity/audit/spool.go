package audit

import (
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
	if err := s.grow(info.Size()); err != nil {
		return err
	}
	header := make([]byte, spoolHeader)
	if _, err := s.f.ReadAt(header, 0); err != nil {
		return fmt.Errorf("read the spool: %w", err)
	}
	if string(header[:8]) != spoolMagic || crc32.ChecksumIEEE(header[:24]) != binary.BigEndian.Uint32(header[24:]) {
		return s.writeHeader(1, 0)
	}
	s.gen, s.base = binary.BigEndian.Uint64(header[8:]), binary.BigEndian.Uint64(header[16:])
	s.end = s.most
	return s.each(func([]byte) error { s.n.Add(1); return nil })
}

// leastRoom is what a spool has to have to be used as it is.
const leastRoom = 64 << 10

// grow sets room aside, where there is less than wanted. What was made larger once stays so: there may be entries in it.
func (s *spool) grow(has int64) error {
	if has >= s.most {
		s.most = has
		return nil
	}
	err := syscall.Fallocate(int(s.f.Fd()), 0, 0, s.most)
	if errors.Is(err, syscall.EOPNOTSUPP) {
		_, err = s.f.WriteAt(make([]byte, s.most-has), has)
	}
	switch {
	case err == nil:
		return nil
	case has >= leastRoom: // as it was before
		s.most = has
		return nil
	}
	return fmt.Errorf("set %d bytes aside for the spool: %w", s.most, err)
}

// writeHeader makes all entries invalid that are there. It reaches the disk before the next entry does, or with it: until then those of before
// are there, which are in the log, and found there.
func (s *spool) writeHeader(gen, base uint64) error {
	header := make([]byte, spoolHeader)
	copy(header, spoolMagic)
	binary.BigEndian.PutUint64(header[8:], gen)
	binary.BigEndian.PutUint64(header[16:], base)
	binary.BigEndian.PutUint32(header[24:], crc32.ChecksumIEEE(header[:24]))
	if _, err := s.f.WriteAt(header, 0); err != nil {
		return fmt.Errorf("write the spool: %w", err)
	}
	s.gen, s.base = gen, base
	return nil
}

func (s *spool) sum(data []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(binary.BigEndian.AppendUint64(nil, s.gen)), crc32.IEEETable, data)
}

// farBack is how many entries of the log are looked through, at most, to find which of the spool's are there already.
const farBack = 1000

// put adds entries, all of them or none; size is that of the log now.
func (s *spool) put(size uint64, entries ...[]byte) error {
	if s.count() == 0 {
		s.end = spoolHeader
		if size > s.base+farBack {
			if err := s.writeHeader(s.gen+1, size); err != nil {
				return err
			}
		}
	}
	var block []byte
	for _, data := range entries {
		block = binary.BigEndian.AppendUint32(block, uint32(len(data)))
		block = binary.BigEndian.AppendUint32(block, s.sum(data))
		block = append(block, data...)
	}
	if s.end+int64(len(block))+8 > s.most {
		return errSpoolFull
	}
	// What is there of an earlier block that did not reach the disk as a whole must not follow this one.
	if _, err := s.f.WriteAt(append(block, make([]byte, 8)...), s.end); err != nil {
		return fmt.Errorf("write the spool: %w", err)
	}
	// The file has its room already, so that nothing but these blocks has to reach the disk.
	if err := syscall.Fdatasync(int(s.f.Fd())); err != nil {
		return fmt.Errorf("write the spool: %w", err)
	}
	s.end += int64(len(block))
	s.n.Add(int64(len(entries)))
	return nil
}

// each calls f with every whole entry before end, and leaves end after the last.
func (s *spool) each(f func([]byte) error) error {
	at := int64(spoolHeader)
	head := make([]byte, 8)
	for at+8 <= s.end {
		if _, err := s.f.ReadAt(head, at); err != nil {
			return fmt.Errorf("read the spool: %w", err)
		}
		n := int64(binary.BigEndian.Uint32(head))
		if n == 0 || n > maxEntry || at+8+n > s.end {
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

// clear takes all entries away; they are in the log, which has that size.
func (s *spool) clear(size uint64) error {
	if err := s.writeHeader(s.gen+1, size); err != nil {
		return err
	}
	s.end = spoolHeader
	s.n.Store(0)
	return nil
}

func (s *spool) close() { s.f.Close() }
