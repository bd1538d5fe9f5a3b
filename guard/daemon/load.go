package daemon

import (
	"context"
	"io"
	"net/http"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/builds"
)

// load reads the names that an archive of images has, and has them asked about as those of a tag: an archive may have any, also names of images
// that are there already.
func (d *Door) load(w http.ResponseWriter, r *http.Request, a *call.Ask) (end func(), err error) {
	// Whoever may not load has nothing kept.
	if err := d.p.Judge.Holds(r.Context(), a); err != nil {
		return func() {}, nil //nolint:nilerr // the judge says so, with a record
	}
	var kept *builds.Images
	end, err = d.keep(w, r, a, "the archive", func(ctx context.Context, from io.Reader) (_ io.Closer, err error) {
		kept, err = builds.KeepImages(ctx, from, d.p.Dir, mostArchive)
		return kept, err
	})
	if err != nil {
		return end, err
	}
	if err := d.p.Objects.Tags(r.Context(), a, kept.Names, "the archive's name"); err != nil {
		return end, err
	}
	return end, instead(r, &kept.Context)
}
