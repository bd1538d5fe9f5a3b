package agent

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
)

// telling writes the status file while something changes, and now and then.
func (a *Agent) telling(ctx context.Context) error {
	var last model.AgentStatus
	for {
		now := a.Status()
		quiet := now
		quiet.Written = last.Written
		if before, err := json.Marshal(last); err == nil {
			after, err := json.Marshal(quiet)
			if err != nil || string(before) != string(after) || now.Written.Sub(last.Written) > heartbeat {
				a.tell()
				last = now
			}
		}
		if !sleep(ctx, statusEvery, nil) {
			return ctx.Err()
		}
	}
}

func (a *Agent) tell() {
	s := a.Status()
	if err := a.p.Dir.SaveStatus(&s); err != nil {
		a.slog.Debug("the status was not written", "error", err)
	}
}

// Status is how the agent does.
func (a *Agent) Status() model.AgentStatus {
	spooled := a.p.Spool.State()
	policies, settings, assignment := a.version(model.BundlePolicies), a.version(model.BundleSettings), a.version(model.BundleAssignment)
	certificate, err := a.p.Dir.Certificate()
	var d bundle.Assignment
	if b := a.inForce(model.BundleAssignment); b != nil && bundle.Decode(b.Document, &d) != nil {
		d = bundle.Assignment{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.status
	s.Written = a.now().UTC().Truncate(time.Second)
	s.Policies, s.Settings, s.Assignment = policies, settings, assignment
	s.Pool, s.Labels, s.Sensitivity, s.Cordoned, s.Drained = d.Pool, d.Labels, d.Sensitivity, d.Cordoned, d.Drained
	s.Maintenance = a.maintained
	s.Refused = maps.Clone(a.refused)
	s.CollectEvery = a.follower.Every().String()
	s.Spooled, s.Dropped = spooled.Waiting, spooled.Dropped
	if spooled.Err != nil {
		s.SpoolError = spooled.Err.Error()
	}
	if err == nil {
		s.CertificateEnds = certificate.Leaf.NotAfter
	}
	if skew := time.Duration(a.skew.Load()); skew.Abs() > skewLimit {
		s.ClockSkew = skew.Round(time.Second).String()
	}
	return s
}
