package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/agent/spool"
	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// Sizes of a report. A server takes 4 MiB.
const (
	mostFactBytes    = 2 << 20
	mostFindings     = 500
	mostFindingBytes = 512 << 10
	besideFindings   = 1 << 20 // facts that findings may go along with
	mostReports      = 100     // in a row; what is left waits for the next time
	mostAnswers      = 64
)

// reporting reports at least every heartbeat, and at once where there is something to tell.
func (a *Agent) reporting(ctx context.Context) error {
	wait := backoff{least: 500 * time.Millisecond, most: 30 * time.Second}
	for ctx.Err() == nil {
		err := a.report(ctx, false)
		if ctx.Err() != nil {
			break
		}
		a.reached(err)
		if err != nil {
			d := wait.next()
			a.slog.Warn("the report was not taken; trying again", "in", d.Round(time.Millisecond), "error", err)
			if !sleep(ctx, d, a.retry) {
				break
			}
			continue
		}
		wait.reset()
		if !sleep(ctx, jitter(heartbeat), a.wake) {
			break
		}
	}
	return ctx.Err()
}

// report sends all that waits, in as many reports as it takes; at least one, with the agent's state.
func (a *Agent) report(ctx context.Context, stopping bool) error {
	all := false // all facts were sent anew already
	for n := range mostReports {
		r := &bulkheadv1.ReportRequest{Run: a.run, State: a.state(stopping)}
		update := a.update()
		size := 0
		if update != nil {
			r.Facts, size = wireUpdate(update)
		}
		var items []spool.Item
		if size < besideFindings {
			items = a.p.Spool.Next(mostFindings, mostFindingBytes)
		}
		for i := range items {
			r.Findings = append(r.Findings, wireFinding(&items[i].Finding))
		}
		r.Probes = a.takeAnswers()
		if n > 0 && update == nil && len(items) == 0 && len(r.Probes) == 0 {
			return nil
		}
		res, err := a.send(ctx, r)
		if err != nil {
			a.giveBackAnswers(r.Probes)
			return err
		}
		a.spooled(a.p.Spool.Done(items))
		again, err := a.taken(update, res, all)
		if err != nil {
			return err
		}
		all = all || again
	}
	a.soon() // more waits
	return nil
}

// update is the next difference of facts to send, nil for none.
func (a *Agent) update() *model.FactsUpdate {
	a.mu.Lock()
	again := a.resync
	a.resync = false
	a.mu.Unlock()
	if again {
		a.spooled(a.p.Spool.SetAcked(nil))
	}
	set, taken, acked := a.p.Spool.Facts()
	if len(set) == 0 {
		return nil
	}
	updates := facts.Diff(acked, set, taken, mostFactBytes)
	if len(updates) == 0 {
		return nil
	}
	return &updates[0]
}

// taken notes what the server has now. It says whether all facts have to be sent again; a server that can't take these either is
// an error.
func (a *Agent) taken(u *model.FactsUpdate, res *bulkheadv1.ReportResponse, all bool) (again bool, err error) {
	_, _, acked := a.p.Spool.Facts()
	want := facts.Digest(acked)
	if u != nil {
		want = u.Digest
	}
	if res.GetResync() || u != nil && res.GetFacts() != want || res.GetFacts() != "" && res.GetFacts() != want {
		if all || u != nil && u.Base == "" {
			return false, errors.New("the server asks for all facts again although it just got them")
		}
		a.slog.Info("the server asks for all facts")
		a.spooled(a.p.Spool.SetAcked(nil))
		return true, nil
	}
	if u == nil {
		return false, nil
	}
	if u.Base == "" {
		acked = map[string]string{}
	}
	for _, k := range u.Removed {
		delete(acked, k)
	}
	for _, f := range u.Set {
		acked[f.Key] = f.Digest
	}
	a.spooled(a.p.Spool.SetAcked(acked))
	return false, nil
}

// send sends one report, and compares the clocks.
func (a *Agent) send(ctx context.Context, r *bulkheadv1.ReportRequest) (*bulkheadv1.ReportResponse, error) {
	begin := a.now()
	r.Time = timestamppb.New(begin)
	res, err := a.p.Server.Report(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	a.compareClocks(begin, a.now(), res.GetTime())
	return res, nil
}

func (a *Agent) state(stopping bool) *bulkheadv1.AgentState {
	s := a.p.Spool.State()
	out := &bulkheadv1.AgentState{
		Version: clip(a.p.Version, 100), PoliciesVersion: a.version(model.BundlePolicies), SettingsVersion: a.version(model.BundleSettings),
		AssignmentVersion: a.version(model.BundleAssignment), Spooled: s.Waiting, Dropped: s.Dropped, Started: timestamppb.New(a.started), Stopping: stopping,
	}
	for _, ip := range a.p.Addresses() {
		out.Addresses = append(out.Addresses, ip.String())
	}
	return out
}

func wireUpdate(u *model.FactsUpdate) (out *bulkheadv1.FactsUpdate, size int) {
	out = &bulkheadv1.FactsUpdate{Base: u.Base, Digest: u.Digest, Removed: u.Removed, More: u.More, Taken: timestamppb.New(u.Taken)}
	for _, f := range u.Set {
		out.Set = append(out.Set, &bulkheadv1.Fact{Key: f.Key, Data: f.Data})
		size += len(f.Key) + len(f.Data)
	}
	for _, k := range u.Removed {
		size += len(k)
	}
	return out, size
}

func (a *Agent) takeAnswers() []*bulkheadv1.ProbeResult {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.answers
	a.answers = nil
	return out
}

// giveBackAnswers keeps what was not taken, as far as there is room.
func (a *Agent) giveBackAnswers(list []*bulkheadv1.ProbeResult) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list = append(list, a.answers...)
	a.answers = list[max(0, len(list)-mostAnswers):]
}
