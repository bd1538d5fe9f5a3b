package audit

import (
	"bytes"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// judge says what all that means.
func (v *verification) judge() {
	size := v.checkpoint.Size
	root, err := v.root()
	whole := err == nil && !v.ended && bytes.Equal(root, v.checkpoint.Root)
	switch {
	case whole:
		for _, t := range v.badTiles {
			v.report.add(ProblemTile, v.place(), "%s is not what the entries give; the entries are those that were signed", t)
		}
	case !v.ended || v.firstBad != nil:
		v.entryChanged()
	}
	for _, f := range v.forked {
		if whole || f.c.Size == size {
			v.report.add(ProblemForked, f.from, "%s keeps a signed checkpoint over %d entries (%s) with another root: the log was rewritten between entry %d and entry %d",
				keeper(f.c), f.c.Size, when(f.c), f.from, f.c.Size-1)
		}
	}
	if n := len(v.kept); n > 0 && v.kept[n-1].Size > size {
		k := v.kept[n-1]
		v.report.add(ProblemRolledBack, size, "%s keeps a signed checkpoint over %d entries (%s), but the log ends after %d: entries %d to %d are gone",
			keeper(k), k.Size, when(k), size, size, k.Size-1)
	}
}

func (v *verification) place() uint64 {
	if v.firstBad != nil {
		return *v.firstBad
	}
	return 0
}

func (v *verification) entryChanged() {
	if v.firstBad != nil {
		v.report.add(ProblemEntry, *v.firstBad, "entry %d is not the one that was signed over", *v.firstBad)
		return
	}
	// Entries and tiles were changed together. Kept checkpoints say between which.
	to := v.checkpoint.Size
	if len(v.forked) > 0 {
		to = v.forked[0].c.Size
	}
	v.report.add(ProblemEntry, v.good, "the entries do not have the root that was signed, and the tiles were changed with them: the first bad one is between %d and %d", v.good, to-1)
}

func keeper(c model.Checkpoint) string {
	if c.Keeper == "" {
		return "somebody"
	}
	return c.Keeper
}

func when(c model.Checkpoint) string {
	if c.Time.IsZero() {
		return "time unknown"
	}
	return c.Time.UTC().Format(time.RFC3339)
}
