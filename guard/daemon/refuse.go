package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/body"
	"github.com/bulkhead-security/bulkhead/guard/daemon/objects"
	"github.com/bulkhead-security/bulkhead/guard/lasting"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// notUnderstood refuses what could not be judged, with its record.
func (d *Door) notUnderstood(w http.ResponseWriter, r *http.Request, who *call.Subject, why error) {
	if who == nil && !d.strangers.Allow() {
		d.unwritten.Add(1)
		d.refuse(w, r, why)
		return
	}
	said := why
	if n := d.unwritten.Swap(0); n > 0 && who == nil {
		said = fmt.Errorf("%w; %d more calls of strangers before it have no record of their own", why, n)
	}
	id, err := d.p.Judge.NotUnderstood(r.Context(), who, r.Method, r.RequestURI, said)
	if err != nil {
		d.p.Log.ErrorContext(r.Context(), "a refusal could not be recorded", "error", err, "refused", why)
	} else {
		why = fmt.Errorf("%w; audit record: %s", why, id)
	}
	d.refuse(w, r, why)
}

// refuse answers as the engine does.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the caller is gone
	}
	status, message := d.statusOf(r.Context(), err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	text, jerr := body.Encode(struct {
		Message string `json:"message"`
	}{message})
	if jerr == nil {
		_, jerr = w.Write(text)
	}
	if jerr != nil {
		d.p.Log.DebugContext(r.Context(), "a refusal was not taken", "error", fmt.Errorf("%w; refused for: %w", jerr, err))
	}
}

func (d *Door) statusOf(ctx context.Context, err error) (int, string) {
	var path *route.Refusal
	var fault *body.Fault
	var no *call.Refusal
	var unclear *objects.Fault
	var ended *lasting.EndedError
	message := "bulkhead: " + err.Error()
	switch {
	case errors.As(err, &unclear):
		return unclear.Status, unclear.Error() // in the engine's own words: clients look at them
	case errors.Is(err, errUnknown):
		return http.StatusUnauthorized, message
	case errors.As(err, &path):
		return path.Status, message
	case errors.As(err, &fault):
		return fault.Status, message
	case errors.As(err, &no) && no.Busy:
		return http.StatusConflict, message
	case errors.As(err, &no), errors.As(err, &ended):
		return http.StatusForbidden, message
	}
	d.p.Log.WarnContext(ctx, "a call was not made", "error", err)
	return http.StatusBadGateway, message
}
