package sessions

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"time"

	"filippo.io/age"
)

// castFile is a recording on the disk: age files one after another, so that a killed guard loses what is in memory and nothing that was
// written. Each segment but the first begins with a marker that says which it is: one that is missing, repeated or of another recording
// shows. A short recording is an age file as any other.
type castFile struct {
	f        *os.File
	id       string
	to       []age.Recipient
	segments int
	size     int64
	sum      hash.Hash
	synced   time.Time
	dirty    bool
}

func newCastFile(f *os.File, id string, to []age.Recipient) *castFile {
	return &castFile{f: f, id: id, to: to, sum: sha256.New(), synced: time.Now()}
}

// segmentMark is the marker at the beginning of segment n.
func segmentMark(id string, n int) string { return fmt.Sprintf("bulkhead:segment:%s:%d", id, n) }

// need is at most what n bytes take on the disk.
func (c *castFile) need(n int) int64 {
	const head, chunk, tag = 512, 64 << 10, 16
	return int64(n) + head + int64(len(c.to))*2048 + int64(n/chunk+1)*tag
}

// write encrypts whole lines as one segment. What could not be written whole is taken back.
func (c *castFile) write(lines []byte) error {
	var b bytes.Buffer
	w, err := age.Encrypt(&b, c.to...)
	if err != nil {
		return fmt.Errorf("encrypt a recording: %w", err)
	}
	if c.segments > 0 {
		lines = append(Event{Code: Marker, Data: segmentMark(c.id, c.segments)}.line(), lines...)
	}
	if _, err := w.Write(lines); err != nil {
		return fmt.Errorf("encrypt a recording: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("encrypt a recording: %w", err)
	}
	if _, err := c.f.WriteAt(b.Bytes(), c.size); err != nil {
		return errors.Join(fmt.Errorf("write a recording: %w", err), c.f.Truncate(c.size))
	}
	c.sum.Write(b.Bytes())
	c.size += int64(b.Len())
	c.segments++
	c.dirty = true
	return nil
}

// sync makes sure from time to time that a machine that loses power keeps it, too.
func (c *castFile) sync() error {
	if !c.dirty || time.Since(c.synced) < syncEvery {
		return nil
	}
	c.synced, c.dirty = time.Now(), false
	if err := c.f.Sync(); err != nil {
		return fmt.Errorf("write a recording: %w", err)
	}
	return nil
}

// end gives the digest and the size.
func (c *castFile) end() (string, int64, error) {
	err := c.f.Sync()
	if err != nil {
		err = fmt.Errorf("write a recording: %w", err)
	}
	return "sha256:" + hex.EncodeToString(c.sum.Sum(nil)), c.size, err
}
