package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bulkhead-security/bulkhead/model"
)

// document is a Bundle on disk.
type document struct {
	Kind      model.BundleKind `json:"kind"`
	Scope     string           `json:"scope"`
	Version   int64            `json:"version"`
	Document  []byte           `json:"document"`
	Signature string           `json:"signature"`
}

// mostFloors bounds how many scopes' versions are remembered: one tenant, one node, and the pools that it was in.
const mostFloors = 256

// Staged is a document that is on the disk, but not yet the newest of its kind.
type Staged struct {
	files []*staged
}

// Commit makes it the newest one, and no older one of its scope is ever good again.
func (s *Staged) Commit() error {
	for i, f := range s.files {
		if err := f.commit(); err != nil {
			(&Staged{s.files[i+1:]}).Discard()
			return err
		}
	}
	return nil
}

// Discard takes it away.
func (s *Staged) Discard() {
	for _, f := range s.files {
		_ = os.Remove(f.temporary) // nobody reads it
	}
}

// Stage writes a good document to the disk beside the one that there is.
func (d *Dir) Stage(b *model.Bundle) (*Staged, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	floors, err := d.floors()
	if err != nil {
		return nil, err
	}
	at := floorOf(b.Kind, b.Scope)
	if _, known := floors[at]; !known && len(floors) >= mostFloors {
		return nil, fmt.Errorf("keep a document: versions of %d scopes are known already", len(floors))
	}
	floors[at] = max(floors[at], b.Version)
	if err := os.MkdirAll(d.Path(documentsDir), 0o700); err != nil {
		return nil, fmt.Errorf("keep a document: %w", err)
	}
	// The document first: one that is newer than the version that is remembered is good.
	s := &Staged{}
	for _, f := range []struct {
		name string
		v    any
	}{{documentName(b.Kind), document{b.Kind, b.Scope, b.Version, b.Document, b.Signature}}, {floorsFile, floors}} {
		raw, err := json.Marshal(f.v)
		if err != nil {
			s.Discard()
			return nil, fmt.Errorf("keep a document: %w", err)
		}
		file, err := d.stage(f.name, raw)
		if err != nil {
			s.Discard()
			return nil, err
		}
		s.files = append(s.files, file)
	}
	return s, nil
}

func documentName(kind model.BundleKind) string {
	return filepath.Join(documentsDir, string(kind)+".json")
}

func floorOf(kind model.BundleKind, scope string) string { return string(kind) + " " + scope }

// Document reads the last good document of a kind, nil for none. It is as it was written: whether it still verifies is for whoever
// uses it.
func (d *Dir) Document(kind model.BundleKind) (*model.Bundle, error) {
	b, err := d.read(documentName(kind))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var on document
	if err := json.Unmarshal(b, &on); err != nil {
		return nil, d.damaged(documentName(kind), err, "the server sends it again")
	}
	if on.Kind != kind {
		return nil, d.damaged(documentName(kind), fmt.Errorf("it is of the kind %.20q", on.Kind), "the server sends it again")
	}
	return &model.Bundle{Kind: on.Kind, Scope: on.Scope, Version: on.Version, Document: on.Document, Signature: on.Signature}, nil
}

// Floor is the newest version of a scope that was ever kept: nothing older is good.
func (d *Dir) Floor(kind model.BundleKind, scope string) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	floors, err := d.floors()
	return floors[floorOf(kind, scope)], err
}

func (d *Dir) floors() (map[string]int64, error) {
	floors := map[string]int64{}
	b, err := d.read(floorsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return floors, nil
	}
	if err != nil {
		return floors, err
	}
	if err := json.Unmarshal(b, &floors); err != nil {
		return map[string]int64{}, d.damaged(floorsFile, err, "remove it: what the node has is older than nothing then, so look at the versions that it takes")
	}
	return floors, nil
}
