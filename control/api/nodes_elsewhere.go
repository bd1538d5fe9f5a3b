package api

import (
	"context"
	"slices"

	"github.com/bulkhead-security/bulkhead/model"
)

// elsewhere are the images that ran on a lost node: those that run on another one that is up, and those that were seen on none.
type elsewhere struct {
	also, only []string
	looked     int // other nodes that were looked at
}

// mostOthers bounds on how many other nodes a lost node's images are looked for; those of its pool come first.
const mostOthers = 20

func (s *Nodes) elsewhere(ctx context.Context, m *model.Member, ran []model.Container) (elsewhere, error) {
	missing := map[string]string{} // image to its name
	var order []string
	for _, c := range runningOf(ran) {
		key := imageKey(&c)
		if missing[key] == "" {
			missing[key] = c.Workload.Image.Ref
			if missing[key] == "" {
				missing[key] = key
			}
			order = append(order, key)
		}
	}
	out := elsewhere{}
	if len(missing) == 0 {
		return out, nil
	}
	others, err := s.others(ctx, m)
	if err != nil {
		return out, err
	}
	also := map[string]bool{}
	for i := range others {
		if len(also) == len(missing) {
			break
		}
		have, err := s.Facts.Facts(ctx, others[i].ID)
		if err != nil {
			return out, err
		}
		out.looked++
		for _, c := range runningOf(containers(have)) {
			if key := imageKey(&c); missing[key] != "" {
				also[key] = true
			}
		}
	}
	for _, key := range order {
		if also[key] {
			out.also = append(out.also, missing[key])
		} else {
			out.only = append(out.only, missing[key])
		}
	}
	return out, nil
}

// imageKey is the image's own id; where there is none, its reference.
func imageKey(c *model.Container) string {
	if id := c.Workload.Image.ID; id != "" {
		return id
	}
	return c.Workload.Image.Ref
}

// others are some nodes of the tenant that are up, those of the same pool first.
func (s *Nodes) others(ctx context.Context, m *model.Member) ([]model.Member, error) {
	up := model.Condition{Field: "health", Op: "=", Value: string(model.HealthUp)}
	var out []model.Member
	for _, op := range []string{"=", "!="} {
		list, _, err := s.Store.Nodes(ctx, model.Query{
			Tenant: m.Tenant, Where: []model.Condition{up, {Field: "pool", Op: op, Value: m.Pool}}, Size: mostOthers,
		})
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	out = slices.DeleteFunc(out, func(o model.Member) bool { return o.ID == m.ID })
	return out[:min(len(out), mostOthers)], nil
}
