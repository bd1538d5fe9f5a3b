package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/bulkhead-security/bulkhead/model"
)

// lines appends to a file. When the file was moved away, by rotation, a new one is made.
type lines struct {
	path string
	f    *os.File
}

func newLines(path string) *lines { return &lines{path: path} }

func (l *lines) Send(_ context.Context, records []model.LogRecord) error {
	if err := l.open(); err != nil {
		return err
	}
	var b bytes.Buffer
	for i := range records {
		text, err := line(&records[i])
		if err != nil {
			return err
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	if _, err := l.f.Write(b.Bytes()); err != nil {
		return errors.Join(err, l.Close())
	}
	if err := l.f.Sync(); err != nil {
		return errors.Join(err, l.Close())
	}
	return nil
}

func (l *lines) open() error {
	if l.f != nil {
		mine, err := l.f.Stat()
		if err != nil {
			return err
		}
		if there, err := os.Stat(l.path); err == nil && os.SameFile(mine, there) {
			return nil
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if err := endLine(f); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", l.path, err), f.Close())
	}
	l.f = f
	return nil
}

// endLine ends a line that a stop left unfinished; its record comes again.
func endLine(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 || !info.Mode().IsRegular() {
		return err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil {
		return err
	}
	if last[0] != '\n' {
		_, err = f.Write([]byte{'\n'})
	}
	return err
}

func (l *lines) Close() error {
	if l.f == nil {
		return nil
	}
	err := l.f.Close()
	l.f = nil
	return err
}
