package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// cluster is a control plane as its clients come to it: by the addresses of all its replicas in turn, as by a name in DNS.
type cluster struct {
	worlds []*World // the same people, at each replica
}

// people makes the people of a control plane with these replicas.
func people(ctx context.Context, planes ...*Plane) (*cluster, error) {
	w, err := newWorld(ctx, planes[0])
	if err != nil {
		return nil, fmt.Errorf("people a throw-away control plane: %w", err)
	}
	c := &cluster{}
	for _, p := range planes {
		at := *w
		at.plane = p
		c.worlds = append(c.worlds, &at)
	}
	return c, nil
}

// ask asks one replica after the other until one answers.
func (c *cluster) ask(ctx context.Context, question func(context.Context, *World) error) error {
	var all error
	for _, w := range c.worlds {
		err := question(ctx, w)
		if err == nil {
			return nil
		}
		all = errors.Join(all, err)
	}
	return all
}

// group makes a group of the own tenant, as the administrator, and gives its id.
func (c *cluster) group(ctx context.Context, name string) (id string, err error) {
	err = c.ask(ctx, func(ctx context.Context, w *World) error {
		g, err := w.groups(w.admin).CreateGroup(ctx, &bulkheadv1.CreateGroupRequest{Group: &bulkheadv1.Group{Tenant: own, Name: name}})
		id = g.GetId()
		return err
	})
	return id, err
}

// groupsOf are the ids of all groups of the own tenant.
func (w *World) groupsOf(ctx context.Context) (map[string]bool, error) {
	res, err := w.groups(w.admin).ListGroups(ctx, &bulkheadv1.ListInTenantRequest{Tenant: own, Page: &bulkheadv1.Page{Size: 200}})
	ids := map[string]bool{}
	for _, g := range res.GetGroups() {
		ids[g.GetId()] = true
	}
	return ids, err
}

// recordedIn says whether the audit log of this replica has a group that was made since then, so that the client's next action can be
// seen there.
func (w *World) recordedIn(ctx context.Context, since time.Time) error {
	info, err := bulkheadv1connect.NewSystemServiceClient(w.client(w.witness), w.plane.URL).GetInfo(ctx, &bulkheadv1.Empty{})
	if err != nil {
		return err
	}
	filter := fmt.Sprintf(`outcome = "allowed" AND action = "GroupCreate" AND actor = %q AND origin = %q`, w.admin.id, info.GetAuditOrigin())
	res, err := bulkheadv1connect.NewAuditServiceClient(w.client(w.witness), w.plane.URL).SearchRecords(ctx,
		&bulkheadv1.SearchRecordsRequest{Since: timestamppb.New(since), Page: &bulkheadv1.Page{Filter: filter, Size: 1}})
	if err == nil && len(res.GetRecords()) == 0 {
		err = errors.New("the audit log does not have it")
	}
	return err
}

// works runs a job in the background and waits until it is done.
func (w *World) works(ctx context.Context) error {
	jobs := bulkheadv1connect.NewJobServiceClient(w.client(w.admin), w.plane.URL)
	asked, err := jobs.RunJob(ctx, &bulkheadv1.RunJobRequest{Kind: "report"})
	if err != nil {
		return err
	}
	_, err = until(ctx, backWithin, func(ctx context.Context) error {
		res, err := jobs.ListJobs(ctx, &bulkheadv1.ListJobsRequest{Page: &bulkheadv1.Page{Size: 50}})
		if err != nil {
			return err
		}
		for _, j := range res.GetJobs() {
			if j.GetId() == asked.GetId() && j.GetState() == "completed" {
				return nil
			}
		}
		return errors.New("the job does not end")
	})
	return err
}

// unnoticed says whether nothing told of a node's silence: it was never out of sight for long.
func (w *World) unnoticed(ctx context.Context, n *node) (bool, error) {
	silent, err := w.events(ctx, n, model.EventSilent)
	if err != nil {
		return false, err
	}
	is, err := w.node(ctx, n)
	return len(silent) == 0 && is.GetHealth() == string(model.HealthUp), err
}

func (w *World) groups(p *person) bulkheadv1connect.GroupServiceClient {
	return bulkheadv1connect.NewGroupServiceClient(w.client(p), w.plane.URL)
}

// back is when something worked again after a loss; an error says that it did not.
type back struct {
	what  string
	after time.Duration
	err   error
}

func (b back) String() string {
	if b.err != nil {
		return fmt.Sprintf("not within %s: %s", backWithin, b.what)
	}
	return fmt.Sprintf("%s after %s", b.what, took(b.after))
}
