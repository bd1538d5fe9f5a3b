package audit

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestConsistency(t *testing.T) {
	k := newKeys(t, origin)
	l := open(t, options(t.TempDir(), k))
	defer closeLog(t, l)
	var before []*model.Checkpoint
	for i := range 40 {
		r, err := l.Append(t.Context(), sample(fmt.Sprint("id-", i)))
		if err != nil {
			t.Fatal(err)
		}
		c, err := l.covering(t.Context(), r.Index)
		if err != nil {
			t.Fatal(err)
		}
		if len(before) == 0 || before[len(before)-1].Size < c.Size {
			before = append(before, c)
		}
		if len(before) == 4 {
			break
		}
	}
	last := before[len(before)-1]
	if _, err := ParseCheckpoint([]byte(last.Note), k.key); err != nil {
		t.Fatal(err)
	}
	from := []uint64{0, last.Size, last.Size + 5}
	roots := map[uint64][]byte{}
	for _, c := range before[:len(before)-1] {
		from = append(from, c.Size)
		roots[c.Size] = c.Root
	}
	proofs, err := l.Consistency(t.Context(), from, last.Size)
	if err != nil || len(proofs) != len(before)-1 || len(proofs) == 0 {
		t.Fatalf("%d proofs, %v", len(proofs), err)
	}
	for _, p := range proofs {
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, p.From, last.Size, p.Path, roots[p.From], last.Root); err != nil {
			t.Errorf("from %d: %v", p.From, err)
		}
		if proof.VerifyConsistency(rfc6962.DefaultHasher, p.From, last.Size, p.Path, bytes.Repeat([]byte{1}, 32), last.Root) == nil {
			t.Error("another root is continued too")
		}
	}
	for _, to := range []uint64{0, l.Size() + 1} {
		if _, err := l.Consistency(t.Context(), from, to); err == nil {
			t.Errorf("to %d", to)
		}
	}
}
