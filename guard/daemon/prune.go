package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/moby/moby/api/types/image"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/body"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/guard/daemon/objects"
	"github.com/bulkhead-security/bulkhead/guard/lasting"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// pruneOwn cleans up images for somebody who may not clear the host. The engine can't be told whose they are, so that each that its own prune
// would take, and the caller may remove, is removed by a call of its own: judged, recorded and made like one that the caller sends.
func (d *Door) pruneOwn(w http.ResponseWriter, r *http.Request, a *call.Ask) error {
	ctx := r.Context()
	end, ok := d.prunes.begin(a.Subject.Principal.ID)
	if !ok {
		return d.failed(ctx, a, &objects.Fault{Status: http.StatusTooManyRequests, Kind: route.Image, Message: "bulkhead: too many prunes at once: try again"})
	}
	defer end()
	wanted, err := readUnused(a.Call.Query.Filters, time.Now())
	if err != nil {
		return d.failed(ctx, a, err)
	}
	list, err := d.unused(ctx, wanted)
	if err != nil {
		return d.failed(ctx, a, err)
	}
	var gone image.PruneReport
	for i := range list {
		removed, err := d.removeUnused(r, a, &list[i])
		if err != nil {
			return d.failed(ctx, a, fmt.Errorf("image %s: %w; %d images and names were removed before", list[i].ID, err, len(gone.ImagesDeleted)))
		}
		gone.ImagesDeleted = append(gone.ImagesDeleted, removed...)
		if slices.ContainsFunc(removed, func(x image.DeleteResponse) bool { return x.Deleted == list[i].ID }) {
			gone.SpaceReclaimed += uint64(max(0, list[i].Size-max(0, list[i].SharedSize))) // what it shares with others stays; engines before 1.42 don't say
		}
	}
	text, err := body.Encode(&gone)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("%w: %w", forward.ErrBegun, err)
	}
	return nil
}

// unused is what a prune of images means.
type unused struct {
	all           bool // also images that have names
	until         time.Time
	label, except []string
}

// readUnused reads the filters as the engine does, which takes no others.
func readUnused(filters map[string][]string, now time.Time) (*unused, error) {
	invalid := func(format string, args ...any) error {
		return &objects.Fault{Status: http.StatusBadRequest, Kind: route.Image, Message: "bulkhead: " + fmt.Sprintf(format, args...), Reason: objects.ErrInvalid}
	}
	u := &unused{}
	for name, values := range filters {
		switch name {
		case "dangling":
			switch {
			case len(values) == 1 && slices.Contains([]string{"0", "false"}, values[0]):
				u.all = true
			case len(values) != 1 || !slices.Contains([]string{"1", "true"}, values[0]):
				return nil, invalid("invalid filter 'dangling=%.40q'", values)
			}
		case "until":
			if len(values) != 1 {
				return nil, invalid("more than one until filter specified")
			}
			var ok bool
			if u.until, ok = moment(values[0], now); !ok {
				return nil, invalid("until %.40q is neither a duration (24h), nor a date, nor a time (2006-01-02T15:04:05Z), nor seconds since 1970", values[0])
			}
		case "label":
			u.label = values
		case "label!":
			u.except = values
		default:
			return nil, invalid("invalid filter '%.40s'", name)
		}
	}
	return u, nil
}

// moment reads what the engine's command line documents for until.
func moment(text string, now time.Time) (time.Time, bool) {
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02Z07:00", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, true
		}
	}
	const most = 1 << 33 // what nanoseconds of 64 bits can count
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds >= 0 && seconds < most) {
		return time.Time{}, false
	}
	return time.Unix(0, int64(seconds*float64(time.Second))), true
}

// fits says whether an image is meant, by what the engine says of it.
func (u *unused) fits(created int64, labels map[string]string) bool {
	return (u.until.IsZero() || created <= u.until.Unix()) && labelled(labels, u.label) && (len(u.except) == 0 || !labelled(labels, u.except))
}

// labelled says whether all of the wanted labels, KEY or KEY=VALUE, are there.
func labelled(has map[string]string, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool {
		key, value, both := strings.Cut(w, "=")
		v, is := has[key]
		return !is || both && v != value
	})
}

// mostUnused are the images that one prune looks at; the next one goes on.
const mostUnused = 10_000

// unused lists the images of the host that are meant and that no container has.
func (d *Door) unused(ctx context.Context, u *unused) ([]image.Summary, error) {
	used := map[string]bool{}
	err := d.each(ctx, "/containers/json?all=1", func(from *jsontext.Decoder) error {
		var c struct{ ImageID string }
		if err := jsonv2.UnmarshalDecode(from, &c); err != nil {
			return fmt.Errorf("a container: %w", err)
		}
		used[c.ImageID] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	target := "/images/json?shared-size=1"
	if !u.all {
		target += "&filters=" + url.QueryEscape(`{"dangling":["true"]}`)
	}
	var list []image.Summary
	err = d.each(ctx, target, func(from *jsontext.Decoder) error {
		var i struct {
			ID               string `json:"Id"`
			RepoTags         []string
			Labels           map[string]string
			Created          int64
			Size, SharedSize int64
		}
		if err := jsonv2.UnmarshalDecode(from, &i); err != nil {
			return fmt.Errorf("an image: %w", err)
		}
		one := image.Summary{ID: i.ID, RepoTags: i.RepoTags, Created: i.Created, Size: i.Size, SharedSize: i.SharedSize}
		if len(list) < mostUnused && !used[one.ID] && u.fits(i.Created, i.Labels) {
			list = append(list, one)
		}
		return nil
	})
	return list, err
}

func (d *Door) each(ctx context.Context, target string, read func(*jsontext.Decoder) error) error {
	status, err := d.p.Engine.List(ctx, target, read)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the engine answered %d to %s", status, target)
	}
	return err
}

// removeUnused removes an image by each of its names, or by its id where it has none. What the caller may not remove, and what the engine
// refuses to, stays.
func (d *Door) removeUnused(r *http.Request, a *call.Ask, i *image.Summary) ([]image.DeleteResponse, error) {
	names := slices.DeleteFunc(slices.Clone(i.RepoTags), func(n string) bool { return strings.Contains(n, "<none>") })
	if len(names) == 0 {
		names = []string{i.ID}
	}
	var gone []image.DeleteResponse
	for _, name := range names {
		if err := d.holds(r.Context(), r, a); err != nil { // it may take long
			return gone, &lasting.EndedError{What: "the prune", Err: err}
		}
		removed, err := d.remove(r, a, name, i.ID)
		if err != nil {
			return gone, err
		}
		gone = append(gone, removed...)
	}
	return gone, nil
}

// remove makes a call of its own for an image.
func (d *Door) remove(r *http.Request, a *call.Ask, name, id string) ([]image.DeleteResponse, error) {
	ctx := r.Context()
	one := r.Clone(ctx)
	one.Method, one.Body, one.ContentLength, one.Header = http.MethodDelete, http.NoBody, 0, http.Header{}
	one.RequestURI = "/images/" + name
	if a.Call.Version != "" {
		one.RequestURI = "/v" + a.Call.Version + one.RequestURI
	}
	// Whose it is, is asked without a record: nobody called for what is others'.
	tried, err := d.understood(one, a.Subject)
	if err != nil || d.complete(ctx, tried) != nil || tried.Object == nil || tried.Object.ID != id || d.p.Judge.Holds(ctx, tried) != nil {
		return nil, nil //nolint:nilerr // it is gone, called otherwise meanwhile, or not the caller's
	}
	ask, err := d.understood(one, a.Subject)
	if err != nil {
		return nil, err
	}
	said := &answer{header: http.Header{}}
	if err := d.serve(said, one, ask); err != nil {
		var no *call.Refusal
		var fault *objects.Fault
		if errors.As(err, &no) || errors.As(err, &fault) {
			return nil, nil // it is no longer what was looked at
		}
		return nil, errors.New(err.Error()) // whose kind is about an answer that is not the caller's
	}
	var removed []image.DeleteResponse
	if said.status != http.StatusOK {
		return nil, nil // e.g. a container has it now
	}
	if err := json.Unmarshal(said.text.Bytes(), &removed); err != nil {
		return nil, fmt.Errorf("the engine's answer: %w", err)
	}
	return removed, nil
}

// answer is a http.ResponseWriter that keeps what a call of the guard's own making is answered.
type answer struct {
	header http.Header
	status int
	text   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Flush implements http.Flusher.
func (*answer) Flush() {}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	const most = 16 << 20
	if a.text.Len()+len(b) > most {
		return 0, fmt.Errorf("the engine's answer has more than %d MiB", most>>20)
	}
	return a.text.Write(b)
}
