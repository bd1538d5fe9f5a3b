package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/model"
)

// exceptionsOf are those of the tenant that are for this node or for all.
func (f *Fleet) exceptionsOf(ctx context.Context, m *model.Member) ([]model.StoredException, error) {
	all, err := f.store.ExceptionsOf(ctx, m.Tenant)
	if err != nil {
		return nil, err
	}
	var out []model.StoredException
	for i := range all {
		if all[i].Node == "" || all[i].Node == m.ID {
			out = append(out, all[i])
		}
	}
	return out, nil
}

// settingsOf are the settings that a node is judged by: what its pool says over what the server says, with the exceptions.
func (f *Fleet) settingsOf(ctx context.Context, m *model.Member, exceptions []model.StoredException) (assess.Settings, error) {
	set := f.o.Settings
	b, _, err := f.docs.settings(ctx, m.Tenant+"/"+m.Pool, m.ID)
	if err != nil {
		return set, err
	}
	if b != nil {
		over, err := overlay(f.o.Settings, b.Document)
		if err != nil {
			// They were checked when they were made; an older or newer version of this program may have done that.
			f.log.Error("the settings of a pool can't be used; the server's are", "pool", b.Scope, "version", b.Version, "error", err)
		} else {
			set = over
		}
	}
	all := make([]model.Exception, 0, len(set.Exceptions)+len(exceptions))
	all = append(all, set.Exceptions...)
	for i := range exceptions {
		all = append(all, exceptions[i].Exception)
	}
	set.Exceptions = all
	return set, nil
}

// overlay puts a document of settings over others, of which nothing is shared with what comes out.
func overlay(under assess.Settings, document []byte) (assess.Settings, error) {
	var out assess.Settings
	var doc bundle.Settings
	if err := bundle.Decode(document, &doc); err != nil {
		return out, err
	}
	for _, v := range []any{under, doc.Assess} {
		b, err := json.Marshal(v)
		if err != nil {
			return out, fmt.Errorf("settings: %w", err)
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&out); err != nil {
			return out, fmt.Errorf("settings: %w", err)
		}
	}
	if err := out.Validate(); err != nil {
		return out, fmt.Errorf("settings: %w", err)
	}
	return out, nil
}

// idOf is the id of the stored exception that covers a failure; "" for none that is in force, or for one of the configuration.
func idOf(e *model.Exception, all []model.StoredException) string {
	if e == nil || e.Expired {
		return ""
	}
	for i := range all {
		if x := all[i].Exception; x.Check == e.Check && x.Subject == e.Subject && x.Owner == e.Owner && x.Reason == e.Reason && x.Expires == e.Expires {
			return all[i].ID
		}
	}
	return ""
}

// covering is the id of the stored exception that covers what a node reports of itself; "" for none that is in force.
func covering(n *model.Finding, all []model.StoredException, now time.Time) string {
	for i := range all {
		if assess.Covers(all[i].Exception, n, now) {
			return all[i].ID
		}
	}
	return ""
}

// reported brings what a node reports of itself up to the exceptions: those that are covered now, and those that no longer are. What is
// grave and was covered until now is told.
func (f *Fleet) reported(ctx context.Context, m *model.Member, j *judgement) ([]model.Finding, error) {
	open, err := f.store.OpenFindings(ctx, m.ID, model.SourceNode)
	if err != nil {
		return nil, err
	}
	var list []model.Finding
	var events []model.Event
	for i := range open {
		n := &open[i]
		was := n.Exception
		if n.Exception = covering(n, j.exceptions, j.now); n.Exception == was {
			continue
		}
		list = append(list, *n)
		if n.Exception == "" && grave(n.Severity) {
			events = append(events, found(m, n, j.now))
		}
	}
	return list, f.tell(ctx, events...)
}

// found is the event of something grave that a node reports of itself.
func found(m *model.Member, n *model.Finding, now time.Time) model.Event {
	e := of(m, model.EventFinding, string(n.Severity), n.Text)
	e.Requirement, e.After, e.Time = n.Requirement, n.Kind, now
	return e
}
