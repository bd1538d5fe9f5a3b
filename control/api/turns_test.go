package api

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestTurns(t *testing.T) {
	var all turns
	var ends []func()
	for i := range max(1, runtime.NumCPU()/2) {
		done, err := all.take(t.Context(), fmt.Sprint("tenant ", i))
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, done)
	}
	if _, err := all.take(t.Context(), "tenant 0"); model.CodeOf(err) != model.CodeTooMany {
		t.Errorf("a second one of a tenant: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := all.take(gone, "another"); err == nil {
		t.Error("one more than there are turns")
	}
	got := make(chan error)
	go func() {
		done, err := all.take(t.Context(), "waiting")
		if err == nil {
			done()
		}
		got <- err
	}()
	for _, end := range ends {
		end()
	}
	if err := <-got; err != nil {
		t.Errorf("one that waited: %v", err)
	}
	if len(all.busy) != 0 || len(all.all) != 0 {
		t.Errorf("%v %d", all.busy, len(all.all))
	}
}
