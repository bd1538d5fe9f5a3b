package audit

import (
	"context"

	"github.com/transparency-dev/tessera/client"

	"github.com/bulkhead-security/bulkhead/model"
)

// Scan gives each the first size entries of a copy of a log, oldest first, as far as they are records of ours. It verifies nothing:
// Verify does, and says how many entries were signed.
func Scan(ctx context.Context, dir string, size uint64, each func(model.LogRecord) error) error {
	for e, err := range walk(ctx, client.FileFetcher{Root: dir}, 0, size, size) {
		if err != nil {
			return err
		}
		r, err := Decode(e.data)
		if err != nil {
			continue // whoever wrote it, it says nothing that could be looked for
		}
		if err := each(model.LogRecord{Index: e.index, Record: *r, Event: e.data}); err != nil {
			return err
		}
	}
	return nil
}
