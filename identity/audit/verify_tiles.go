package audit

import (
	"bytes"
	"strings"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"
)

// tiler builds the tiles again, level by level, and compares them with those on disk.
type tiler struct {
	v      *verification
	levels []level
}

type level struct {
	index uint64   // of the tile
	nodes [][]byte // of it so far
}

func (t *tiler) add(l int, hash []byte) error {
	if l == len(t.levels) {
		t.levels = append(t.levels, level{})
	}
	at := &t.levels[l]
	at.nodes = append(at.nodes, hash)
	if len(at.nodes) < layout.TileWidth {
		return nil
	}
	t.check(l, 0)
	r := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, n := range at.nodes {
		if err := r.Append(n, nil); err != nil {
			return err
		}
	}
	root, err := r.GetRootHash(nil)
	if err != nil {
		return err
	}
	at.nodes, at.index = at.nodes[:0], at.index+1
	return t.add(l+1, root)
}

func (t *tiler) finish() {
	for l := range t.levels {
		if n := len(t.levels[l].nodes); n > 0 {
			t.check(l, uint8(n))
		}
	}
}

func (t *tiler) check(l int, partial uint8) {
	at := t.levels[l]
	path := func(p uint8) string { return layout.TilePath(uint64(l), at.index, p) }
	raw, err := t.v.files.either(path, partial, maxTile)
	if err != nil {
		t.v.badTiles = append(t.v.badTiles, path(partial)+" ("+strings.TrimSpace(err.Error())+")")
		return
	}
	for i, n := range at.nodes {
		if len(raw) >= (i+1)*len(n) && bytes.Equal(raw[i*len(n):(i+1)*len(n)], n) {
			continue
		}
		if len(t.v.badTiles) < maxProblems {
			t.v.badTiles = append(t.v.badTiles, path(partial))
		}
		if l == 0 && t.v.firstBad == nil {
			bad := at.index*layout.TileWidth + uint64(i)
			t.v.firstBad = &bad
		}
		return
	}
}
