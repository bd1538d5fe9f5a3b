package store

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// limits of an archive that is read back. Who restores may have been given a file by somebody else.
type limits struct {
	entries int
	line    int   // bytes of a row
	bytes   int64 // of everything, unpacked
}

func archiveLimits() limits {
	return limits{entries: 1 << 20, line: 512 << 20, bytes: 1 << 40}
}

// archive is read row by row.
type archive struct {
	limits
	manifest manifest
	gzip     *gzip.Reader
	bounded  *io.LimitedReader
	tar      *tar.Reader
	entries  int
}

// openArchive reads the manifest.
func openArchive(r io.Reader, l limits) (*archive, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("it is no gzip file: %w", err)
	}
	a := &archive{limits: l, gzip: z, bounded: &io.LimitedReader{R: z, N: l.bytes}}
	a.tar = tar.NewReader(a.bounded)
	name, err := a.next()
	if err != nil {
		return nil, err
	}
	if name != manifestName {
		return nil, errors.New("it does not begin with its manifest")
	}
	if err := json.NewDecoder(io.LimitReader(a.tar, smallFile)).Decode(&a.manifest); err != nil {
		return nil, fmt.Errorf("its manifest can't be read: %w", err)
	}
	if a.manifest.Format != backupFormat {
		return nil, fmt.Errorf("its format is %.40q, not %q", a.manifest.Format, backupFormat)
	}
	return a, nil
}

// close gives back what was opened; what was read was checked.
func (a *archive) close() { _ = a.gzip.Close() }

// next is the name of the next file.
func (a *archive) next() (string, error) {
	h, err := a.tar.Next()
	a.entries++
	switch {
	case a.bounded.N <= 0:
		return "", fmt.Errorf("it unpacks to more than %d bytes", a.bytes)
	case errors.Is(err, io.EOF):
		return "", errors.New("it ends too early")
	case err != nil:
		return "", fmt.Errorf("it is no tar archive: %w", err)
	case a.entries > a.limits.entries:
		return "", fmt.Errorf("it has more than %d files", a.limits.entries)
	case h.Typeflag != tar.TypeReg:
		return "", fmt.Errorf("%.40q is no regular file", h.Name)
	}
	return h.Name, nil
}

// rows gives each row to f, to the last byte of the archive. An error of f ends it.
func (a *archive) rows(f func(table string, row map[string]any) error) error {
	count := map[string]int64{}
	for {
		name, err := a.next()
		if err != nil {
			return err
		}
		if name == endName {
			return a.finish(count)
		}
		table := tableOf(name)
		if table == "" {
			return fmt.Errorf("%.40q does not belong into a backup", name)
		}
		count[table] += 0 // a table without rows is there, too
		err = a.lines(func(row map[string]any) error {
			count[table]++
			return f(table, row)
		})
		if err != nil {
			return fmt.Errorf("table %.40q, row %d: %w", table, count[table], err)
		}
	}
}

const smallFile = 1 << 20

// finish compares the counts, and reads to the end, where gzip's checksum is.
func (a *archive) finish(rows map[string]int64) error {
	var e ending
	if err := json.NewDecoder(io.LimitReader(a.tar, smallFile)).Decode(&e); err != nil {
		return fmt.Errorf("its end can't be read: %w", err)
	}
	if len(e.Rows) != len(rows) {
		return errors.New("tables are missing")
	}
	for t, n := range e.Rows {
		if got, ok := rows[t]; !ok || got != n {
			return fmt.Errorf("table %.40q has %d rows, not %d", t, rows[t], n)
		}
	}
	n, err := io.Copy(io.Discard, io.LimitReader(a.bounded, smallFile))
	if err != nil {
		return fmt.Errorf("it is damaged: %w", err)
	}
	if n == smallFile {
		return errors.New("something follows its end")
	}
	return nil
}

func (a *archive) lines(f func(map[string]any) error) error {
	b := bufio.NewReaderSize(a.tar, 64<<10)
	for {
		line, err := a.line(b)
		if len(line) > 0 {
			row, err := readRow(line)
			if err != nil {
				return err
			}
			if err := f(row); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("it can't be read: %w", err)
		}
	}
}

func (a *archive) line(b *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := b.ReadSlice('\n')
		if len(line)+len(part) > a.limits.line {
			return nil, fmt.Errorf("a row is longer than %d bytes", a.limits.line)
		}
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// readRow reads what writeRow wrote, and nothing else.
func readRow(line []byte) (map[string]any, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(line, &raw); err != nil {
		return nil, fmt.Errorf("no JSON object: %w", err)
	}
	row := make(map[string]any, len(raw))
	for c, v := range raw {
		value, err := readValue(v)
		if err != nil {
			return nil, fmt.Errorf("column %.40q: %w", c, err)
		}
		row[c] = value
	}
	return row, nil
}

func readValue(raw json.RawMessage) (any, error) {
	switch {
	case len(raw) == 0:
		return nil, errors.New("no value")
	case raw[0] == '"':
		var s string
		err := json.Unmarshal(raw, &s)
		if strings.ContainsRune(s, 0) {
			return nil, errors.New("text with a zero byte")
		}
		return s, err
	case raw[0] == '{':
		var e encoded
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, err
		}
		b, err := base64.StdEncoding.DecodeString(e.Base64)
		return blob(b), err
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		var n int64
		err := json.Unmarshal(raw, &n)
		return n, err
	}
	return nil, errors.New("neither text, whole number nor bytes")
}
