package facts

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Diff is what makes have (digests by key) into next, in as many updates as keep each below most bytes, but for a fact that is
// larger alone. Where nothing changed there are none.
func Diff(have map[string]string, next Set, taken time.Time, most int) []model.FactsUpdate {
	now := maps.Clone(have)
	if now == nil {
		now = map[string]string{}
	}
	var updates []model.FactsUpdate
	u := model.FactsUpdate{Base: Digest(now), Taken: taken}
	size := 0
	flush := func() {
		u.Digest = Digest(now)
		updates = append(updates, u)
		u, size = model.FactsUpdate{Base: u.Digest, Taken: taken}, 0
	}
	room := func(n int) {
		if count := len(u.Set) + len(u.Removed); count > 0 && (size+n > most || count >= mostInUpdate) {
			flush()
		}
		size += n
	}
	for _, k := range slices.Sorted(maps.Keys(next)) {
		f := next[k]
		if have[k] == f.Digest {
			continue
		}
		room(len(f.Key) + len(f.Data))
		u.Set = append(u.Set, f)
		now[k] = f.Digest
	}
	// What goes goes last: there is never nothing in between, which would have no digest.
	for _, k := range slices.Sorted(maps.Keys(have)) {
		if _, stays := next[k]; !stays {
			room(len(k))
			u.Removed = append(u.Removed, k)
			delete(now, k)
		}
	}
	if len(u.Set)+len(u.Removed) > 0 {
		flush()
	}
	for i := range updates[:max(len(updates)-1, 0)] {
		updates[i].More = true
	}
	return updates
}

const mostInUpdate = 10_000

// Outcome is what became of an update.
type Outcome int

// The outcomes.
const (
	Applied Outcome = iota // the digests are those after it
	Already                // it was applied before
	Resync                 // it does not start from what there is
)

// Apply gives the digests after an update of what there is. An update that is not what its digest says is an error. The digests of
// its facts are computed here: what a node says they are does not count.
func Apply(have map[string]string, u *model.FactsUpdate) (map[string]string, Outcome, error) {
	at := Digest(have)
	if at == u.Digest {
		return have, Already, nil
	}
	if at != u.Base && u.Base != "" {
		return have, Resync, nil
	}
	next := map[string]string{}
	if u.Base != "" {
		next = maps.Clone(have)
	}
	for _, k := range u.Removed {
		delete(next, k)
	}
	for i := range u.Set {
		f := &u.Set[i]
		if err := check(f); err != nil {
			return have, Resync, err
		}
		f.Digest = sum(f.Data)
		next[f.Key] = f.Digest
	}
	if len(next) > MostFacts {
		return have, Resync, fmt.Errorf("%d facts are more than a snapshot has", len(next))
	}
	if Digest(next) != u.Digest {
		return have, Resync, fmt.Errorf("the facts are not what their digest says")
	}
	return next, Applied, nil
}

func check(f *model.Fact) error {
	switch {
	case f.Key == "" || len(f.Key) > mostKey || f.Key == taken || strings.ContainsAny(f.Key, "\n\x00"):
		return fmt.Errorf("%.40q is no key of a fact", f.Key)
	case !json.Valid(f.Data):
		return fmt.Errorf("the fact %.40q is no JSON", f.Key)
	}
	return nil
}
