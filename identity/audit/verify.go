package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"

	"github.com/bulkhead-security/bulkhead/model"
)

// Kinds of problem.
const (
	ProblemCheckpoint = "checkpoint"    // there is none, or it is not signed by the log's key
	ProblemEntry      = "entry changed" // an entry is not what the checkpoint was signed over
	ProblemTile       = "tile changed"  // a hash on disk is wrong; the entries are right
	ProblemTruncated  = "truncated"     // entries under the checkpoint are missing
	ProblemRolledBack = "rolled back"   // somebody keeps a checkpoint over more entries than there are
	ProblemForked     = "forked"        // somebody keeps another root for the same number of entries
)

// Problem is what is wrong with a log, with the place: the first entry that is bad, or may be where only a range is known.
type Problem struct {
	Kind  string `json:"kind"`
	Index uint64 `json:"index"`
	Text  string `json:"text"`
}

// Report is what the verification of a log found.
type Report struct {
	Origin     string            `json:"origin"`
	Size       uint64            `json:"size"`
	Checkpoint *model.Checkpoint `json:"checkpoint,omitempty"`
	Kept       int               `json:"kept"` // checkpoints of others that it was compared with
	Problems   []Problem         `json:"problems"`
	// Notes are no problems of the log, e.g. kept checkpoints that the log never signed, or entries that are no events.
	Notes []string `json:"notes,omitempty"`
}

// OK says whether the log is whole.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// Texts are the problems as sentences.
func (r *Report) Texts() []string {
	var out []string
	for _, p := range r.Problems {
		out = append(out, p.Kind+": "+p.Text)
	}
	return out
}

const maxProblems = 20

func (r *Report) add(kind string, index uint64, format string, args ...any) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, Problem{kind, index, fmt.Sprintf(format, args...)})
	}
}

// Verify checks a log, or a copy of one, with its public key alone: the checkpoint's signature, the root over all
// entries, the tiles, and the checkpoints that others kept. It reads every entry once and needs little memory. The error
// is about the reading; what is wrong with the log is in the report.
func Verify(ctx context.Context, dir, verifierKey string, kept []model.Checkpoint) (*Report, error) {
	return verify(ctx, dir, verifierKey, kept, new(atomic.Uint64))
}

// verify counts the entries that it has read in progress.
func verify(ctx context.Context, dir, verifierKey string, kept []model.Checkpoint, progress *atomic.Uint64) (*Report, error) {
	v := &verification{files: files{dir}, report: &Report{Problems: []Problem{}}, progress: progress}
	raw, err := v.files.read(layout.CheckpointPath, maxNote)
	switch {
	case errors.Is(err, os.ErrNotExist):
		v.report.add(ProblemCheckpoint, 0, "there is no checkpoint in %s", dir)
		return v.report, nil
	case err != nil:
		return nil, fmt.Errorf("verify %s: %w", dir, err)
	}
	c, err := ParseCheckpoint(raw, verifierKey)
	if err != nil {
		v.report.add(ProblemCheckpoint, 0, "%v", err)
		return v.report, nil
	}
	v.report.Origin, v.report.Size, v.report.Checkpoint = c.Origin, c.Size, c
	v.checkpoint = c
	v.sortKept(kept, verifierKey)
	if err := v.walk(ctx); err != nil {
		return nil, fmt.Errorf("verify %s: %w", dir, err)
	}
	v.judge()
	return v.report, nil
}

// files reads parts of a log, none bigger than it can be.
type files struct{ root string }

func (f files) read(path string, most int64) ([]byte, error) {
	h, err := os.Open(filepath.Join(f.root, filepath.FromSlash(path)))
	if err != nil {
		return nil, err
	}
	defer h.Close()
	b, err := io.ReadAll(io.LimitReader(h, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return b, err
}

// either reads the partial file, or the full one that replaced it.
func (f files) either(path func(partial uint8) string, partial uint8, most int64) ([]byte, error) {
	b, err := f.read(path(partial), most)
	if partial != 0 && errors.Is(err, os.ErrNotExist) {
		return f.read(path(0), most)
	}
	return b, err
}

type verification struct {
	files      files
	report     *Report
	checkpoint *model.Checkpoint
	kept       []model.Checkpoint // signed, by size
	tree       *compact.Range
	tiles      tiler
	good       uint64   // the root over so many entries is a kept one
	firstBad   *uint64  // entry whose hash is not in its tile
	badTiles   []string // tiles that disagree
	ended      bool     // entries are missing
	compared   int      // kept ones that were reached
	forked     []fork
	progress   *atomic.Uint64
}

type fork struct {
	c    model.Checkpoint
	from uint64
}

// sortKept leaves the checkpoints that the log really signed.
func (v *verification) sortKept(kept []model.Checkpoint, key string) {
	for _, k := range kept {
		c, err := ParseCheckpoint([]byte(k.Note), key)
		if err != nil {
			v.report.Notes = append(v.report.Notes, fmt.Sprintf("the checkpoint kept by %q for size %d was not looked at: %v", k.Keeper, k.Size, err))
			continue
		}
		c.Keeper, c.Time = k.Keeper, k.Time
		v.kept = append(v.kept, *c)
	}
	slices.SortStableFunc(v.kept, func(a, b model.Checkpoint) int {
		switch {
		case a.Size < b.Size:
			return -1
		case a.Size > b.Size:
			return 1
		}
		return bytes.Compare(a.Root, b.Root)
	})
	v.report.Kept = len(v.kept)
}

// How big a bundle and a tile can be.
const (
	maxBundle = layout.EntryBundleWidth * (2 + 1<<16)
	maxTile   = layout.TileWidth * 32
)

// walk hashes every entry and builds the tree beside the one on disk.
func (v *verification) walk(ctx context.Context) error {
	v.tree = (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	v.tiles = tiler{v: v}
	size := v.checkpoint.Size
	if err := v.compare(); err != nil {
		return err
	}
	for r := range layout.Range(0, size, size) {
		if err := ctx.Err(); err != nil {
			return err
		}
		first := r.Index * layout.EntryBundleWidth
		raw, err := v.files.either(func(p uint8) string { return layout.EntriesPath(r.Index, p) }, r.Partial, maxBundle)
		var bundle api.EntryBundle
		if err == nil {
			err = bundle.UnmarshalText(raw)
		}
		if err == nil && uint(len(bundle.Entries)) < r.N {
			err = fmt.Errorf("it has %d entries, not %d", len(bundle.Entries), r.N)
		}
		if err != nil {
			v.ended = true
			v.report.add(ProblemTruncated, first, "the entries from %d on are missing or can't be read: %v", first, err)
			return nil
		}
		if err := v.bundle(first, bundle.Entries[:r.N]); err != nil {
			return err
		}
		v.progress.Store(v.tree.End())
	}
	v.tiles.finish()
	return nil
}

func (v *verification) bundle(first uint64, entries [][]byte) error {
	for i, e := range entries {
		if err := checkEvent(e); err != nil && len(v.report.Notes) < maxProblems {
			v.report.Notes = append(v.report.Notes, fmt.Sprintf("entry %d is no event of this product: %v", first+uint64(i), err))
		}
		hash := rfc6962.DefaultHasher.HashLeaf(e)
		if err := v.tree.Append(hash, nil); err != nil {
			return err
		}
		if err := v.tiles.add(0, hash); err != nil {
			return err
		}
		if err := v.compare(); err != nil {
			return err
		}
	}
	return nil
}

// compare compares the root so far with the kept ones of that size.
func (v *verification) compare() error {
	for v.compared < len(v.kept) && v.kept[v.compared].Size == v.tree.End() {
		root, err := v.root()
		if err != nil {
			return err
		}
		k := v.kept[v.compared]
		v.compared++
		if bytes.Equal(root, k.Root) {
			v.good = k.Size
			continue
		}
		v.forked = append(v.forked, fork{k, v.good})
	}
	return nil
}

func (v *verification) root() ([]byte, error) {
	if v.tree.End() == 0 {
		return rfc6962.DefaultHasher.EmptyRoot(), nil
	}
	return v.tree.GetRootHash(nil)
}
