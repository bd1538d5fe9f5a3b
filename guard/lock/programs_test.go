package lock_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestProgramsOfTheProduct: root's `bulkhead` is the product's where the guard is the program beside it, and no other file of the name.
func TestProgramsOfTheProduct(t *testing.T) {
	s := newScene(t, "{}")
	self, err := os.Executable()
	must(t, err)
	beside, other, open := filepath.Join(filepath.Dir(self), "whole"), filepath.Join(s.dir, "bin", "whole"), filepath.Join(filepath.Dir(self), "open")
	theirs := filepath.Join(filepath.Dir(self), "theirs")
	for _, at := range []string{beside, other, open, theirs} {
		copyOf(t, at)
		t.Cleanup(func() { must(t, os.Remove(at)) })
	}
	must(t, os.Chmod(open, 0o757))
	must(t, os.Chown(theirs, 4711, 4711))
	s.o.Programs = []string{"whole", "open", "theirs"}
	s.reopen(t)
	s.lock(t)
	for at, good := range map[string]bool{beside: true, other: false, open: false, theirs: false} {
		a := ask(t, at, s.socket, 0)
		st, err := s.l.Status(context.Background())
		must(t, err)
		if st.OK() != good || !good && (len(st.Problems) != 1 || st.Problems[0].Kind != model.FindingDirectUse) {
			t.Errorf("%s: %+v", at, st.Problems)
		}
		a.end()
		eventually(t, "the status is good again", func() bool { st, err := s.l.Status(context.Background()); return err == nil && st.OK() })
	}
}
