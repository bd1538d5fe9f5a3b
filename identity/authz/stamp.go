package authz

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"

	"github.com/bulkhead-security/bulkhead/model"
)

// stamp says which policies a decision about a principal of a tenant could come from: the shipped ones, those of "system"
// and those of the tenant.
type stamp struct {
	version string
	sets    map[string]int64 // shared: not to be changed
}

// stamps makes the stamps of "system" and of each tenant that has policies. The entries are sorted as the sets are, after
// the shipped ones.
func stamps(shipped []*entry, sets []model.Policies, entries []*entry) map[string]stamp {
	rest := entries[len(shipped):]
	digests := map[string]string{}
	for _, set := range sets {
		n := 0
		for n < len(rest) && rest[n].tenant == set.Tenant {
			n++
		}
		digests[set.Tenant], rest = digest(rest[:n]), rest[n:]
	}
	base := digest(shipped) + digests[model.SystemTenant]
	system := map[string]int64{}
	for _, set := range sets {
		if set.Tenant == model.SystemTenant {
			system[set.Tenant] = set.Version
		}
	}
	out := map[string]stamp{model.SystemTenant: {textDigest(base), system}}
	for _, set := range sets {
		if set.Tenant != model.SystemTenant {
			versions := maps.Clone(system)
			versions[set.Tenant] = set.Version
			out[set.Tenant] = stamp{textDigest(base + " " + digests[set.Tenant]), versions}
		}
	}
	return out
}

// digest is that of policies with their ids; every one is told from the next by its length.
func digest(entries []*entry) string {
	h := sha256.New()
	for _, p := range entries {
		fmt.Fprintf(h, "%d:%s%d:%s", len(p.id), p.id, len(p.Text), p.Text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func textDigest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// stamp is that of decisions about principals of a tenant.
func (s *snapshot) stamp(tenant string) stamp {
	if st, ok := s.stamps[tenant]; ok {
		return st
	}
	return s.stamps[model.SystemTenant]
}
