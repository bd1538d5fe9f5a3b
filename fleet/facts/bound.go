package facts

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// Largest is how large a fact may be.
const Largest = 3 << 20

// Bound takes out facts that are larger than most, and tells of each as a gap: one list without end must not keep all else from
// being sent.
func (s Set) Bound(most int) error {
	var gaps []model.Gap
	for _, k := range slices.Sorted(maps.Keys(s)) {
		if len(s[k].Data) <= most || k == "gaps" {
			continue
		}
		gaps = append(gaps, model.Gap{
			Path: "/" + k, Collector: "agent", Reason: model.GapLimit, Detail: fmt.Sprintf("it has %d bytes, more than %d", len(s[k].Data), most),
		})
		if err := s.drop(k); err != nil {
			return err
		}
	}
	if len(gaps) == 0 {
		return nil
	}
	if f, ok := s["gaps"]; ok {
		var before []model.Gap
		if err := json.Unmarshal(f.Data, &before); err != nil {
			return fmt.Errorf("read the gaps: %w", err)
		}
		gaps = append(before, gaps...)
	}
	b, err := json.Marshal(gaps)
	if err != nil {
		return fmt.Errorf("write the gaps: %w", err)
	}
	s.add("gaps", b)
	return nil
}

// drop takes out a fact so that the rest still fits each other.
func (s Set) drop(key string) error {
	delete(s, key)
	part, id, inner := strings.Cut(key, "/")
	if !inner {
		for k := range s {
			if strings.HasPrefix(k, part+"/") {
				delete(s, k)
			}
		}
		return nil
	}
	if kindOf(part) != list {
		return nil
	}
	var order []string
	if err := json.Unmarshal(s[part].Data, &order); err != nil {
		return fmt.Errorf("read the order of %s: %w", part, err)
	}
	b, err := json.Marshal(slices.DeleteFunc(order, func(o string) bool { return o == id }))
	if err != nil {
		return fmt.Errorf("write the order of %s: %w", part, err)
	}
	s.add(part, b)
	return nil
}
