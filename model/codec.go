package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxSnapshotBytes bounds a snapshot that is read back. 5,000 containers take about 40 MB.
const MaxSnapshotBytes = 512 << 20

// EncodeSnapshot writes the snapshot as indented JSON; equal snapshots give equal bytes.
func EncodeSnapshot(w io.Writer, s *Snapshot) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return nil
}

// DecodeSnapshot reads a snapshot. Input that is no snapshot, is cut short, has unknown fields or another version is
// refused with an error that says which.
func DecodeSnapshot(r io.Reader) (*Snapshot, error) {
	limited := &io.LimitedReader{R: r, N: MaxSnapshotBytes + 1}
	dec := json.NewDecoder(limited)
	dec.DisallowUnknownFields()
	var s Snapshot
	if err := dec.Decode(&s); err != nil {
		return nil, decodeError(err, s.Schema, limited.N)
	}
	if err := checkSchema(s.Schema); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the snapshot is followed by more data; a snapshot file holds exactly one")
	}
	return &s, nil
}

// UnmarshalSnapshot reads what a node sent. Its agent may be of a newer version than this one: fields that are not known here are
// left out.
func UnmarshalSnapshot(b []byte) (*Snapshot, error) {
	if len(b) > MaxSnapshotBytes {
		return nil, decodeError(nil, "", 0)
	}
	var s Snapshot
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, decodeError(err, s.Schema, 1)
	}
	if err := checkSchema(s.Schema); err != nil {
		return nil, err
	}
	return &s, nil
}

func decodeError(err error, schema string, left int64) error {
	if left <= 0 {
		return fmt.Errorf("the snapshot is larger than %d MiB", MaxSnapshotBytes>>20)
	}
	// A newer schema is the likelier cause of an unknown field than a corrupt file.
	if schema != "" && checkSchema(schema) != nil {
		return checkSchema(schema)
	}
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("the snapshot is cut short or empty: %w", err)
	case errors.As(err, &syntax):
		return fmt.Errorf("not a snapshot: no valid JSON at byte %d: %w", syntax.Offset, err)
	}
	return fmt.Errorf("not a snapshot of version %s: %w", SnapshotSchema, err)
}

// checkSchema compares "name/vN" with what this version reads.
func checkSchema(got string) error {
	const want = SnapshotSchema
	if got == want {
		return nil
	}
	wantName, _, _ := strings.Cut(want, "/")
	name, version, _ := strings.Cut(got, "/")
	switch {
	case got == "":
		return fmt.Errorf("there is no \"schema\" field; expected %q", want)
	case name != wantName:
		return fmt.Errorf("this is a %q, expected %q", got, want)
	}
	return fmt.Errorf("the file has version %s, this program reads %s; use the version of bulkhead that wrote it", version, want)
}
