package api

import (
	"context"
	"fmt"

	"github.com/bulkhead-security/bulkhead/model"
)

// keepNewer puts what was in force back in place of something older. Versions are added and never taken away, so one that
// is gone was taken out of the database by hand, and the older one below it, although it is signed, is not what was
// decided last. A tenant that ended takes its policies along, and another may have its name later.
func (p *PolicyRefresher) keepNewer(ctx context.Context, sets []model.Policies) ([]model.Policies, error) {
	place := make(map[string]int, len(sets))
	for i := range sets {
		place[sets[i].Tenant] = i
	}
	for tenant, had := range p.had {
		i, there := place[tenant]
		if there && sets[i].Version >= had.Version {
			continue
		}
		t, err := p.Store.Tenant(ctx, tenant)
		if model.CodeOf(err) == model.CodeNotFound || err == nil && t.Created.After(had.Created) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("whether the tenant %s is still there: %w", tenant, err)
		}
		found := int64(0)
		if there {
			found, sets[i] = sets[i].Version, had
		} else {
			sets = append(sets, had)
		}
		p.Log.ErrorContext(ctx, "the newest version of policies is gone from the database; it stays in force until this server ends. "+
			"Somebody changed the database by hand: apply what shall be in force again",
			"tenant", tenant, "version", had.Version, "found", found)
	}
	return sets, nil
}

// remember keeps what is in force now.
func (p *PolicyRefresher) remember(sets []model.Policies) {
	p.had = make(map[string]model.Policies, len(sets))
	for i := range sets {
		p.had[sets[i].Tenant] = sets[i]
	}
}
