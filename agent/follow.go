package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-security/bulkhead/agent/uplink"
	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// refusedWait is how long to wait where the control plane itself says no, e.g. because the node was revoked.
const refusedWait = 30 * time.Second

// following keeps the stream open and does what it brings.
func (a *Agent) following(ctx context.Context) error {
	wait := backoff{least: 500 * time.Millisecond, most: 5 * time.Second}
	for ctx.Err() == nil {
		stands := false
		err := a.p.Server.Follow(ctx, &bulkheadv1.FollowRequest{
			Run: a.run, PoliciesVersion: a.version(model.BundlePolicies), SettingsVersion: a.version(model.BundleSettings),
			AssignmentVersion: a.version(model.BundleAssignment), MaintenanceVersion: a.version(model.BundleMaintenance),
			Maintains: a.p.Maintainer != nil, AccountsVersion: a.version(model.BundleAccounts), Guards: len(a.p.Appliers[model.BundleAccounts]) > 0,
			SendsRecordings: a.p.Recordings != nil,
		}, func(in *bulkheadv1.FollowResponse) error {
			stands = true
			a.connected(true, nil)
			wait.reset()
			return a.got(ctx, in)
		})
		if ctx.Err() != nil {
			break
		}
		if err == nil || errors.Is(err, errReopen) {
			continue
		}
		a.connected(false, err)
		if stands && errors.Is(err, uplink.ErrTooLarge) {
			a.refuse(ctx, unknownKind, 0, fmt.Errorf("%w: more than %d bytes: %w", bundle.ErrForm, bundle.MaxDocument, err))
		}
		d := wait.next()
		if uplink.Refused(err) || model.CodeOf(err) == model.CodeTooMany {
			d = jitter(refusedWait)
		}
		a.slog.Warn("the stream ended; opening it again", "in", d.Round(time.Millisecond), "error", err)
		if !sleep(ctx, d, a.fresh) {
			break
		}
	}
	return ctx.Err()
}

// connected notes whether the stream stands. One that stands again means that reports may be tried at once.
func (a *Agent) connected(yes bool, err error) {
	a.mu.Lock()
	changed := a.status.Connected != yes
	a.status.Connected = yes
	a.mu.Unlock()
	if yes {
		a.reached(nil)
	} else if err != nil {
		a.reached(err)
	}
	if changed && yes {
		a.slog.Info("connected", "server", a.p.Server.Server())
		poke(a.retry)
		a.soon()
	}
}

// got does what the stream brings.
func (a *Agent) got(ctx context.Context, in *bulkheadv1.FollowResponse) error {
	switch w := in.GetWhat().(type) {
	case *bulkheadv1.FollowResponse_Alive:
	case *bulkheadv1.FollowResponse_Document:
		return a.take(ctx, w.Document)
	case *bulkheadv1.FollowResponse_Probe:
		a.probe(ctx, w.Probe)
	case *bulkheadv1.FollowResponse_Recording:
		a.sendRecording(ctx, w.Recording)
	case *bulkheadv1.FollowResponse_Resync:
		a.mu.Lock()
		a.resync = true
		a.mu.Unlock()
		a.soon()
	case *bulkheadv1.FollowResponse_Renew:
		poke(a.renew)
	default: // of a newer server
		a.slog.Warn("the server sends something that this version does not know")
	}
	return nil
}
