package images

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// reservations are the names that calls under way give: whoever began first has them, so that a name and what it stands for are one account's.
type reservations struct {
	mu    sync.Mutex
	names map[string]*reservation
}

// reservation is a name that calls of one account give; calls that ask registries for it go together.
type reservation struct {
	holder Holder
	given  bool
	calls  int
}

// reserve takes the names that a call gives. Between the decision and this another may have been given one of them: that is looked up again.
func (i *Images) reserve(m *Making) error {
	if name := i.taken.take(m); name != "" {
		return busy(name)
	}
	err := i.file.view(func(tx *bbolt.Tx) error {
		for name := range m.names {
			text := tx.Bucket(bucketNames).Get([]byte(name))
			if text == nil {
				continue
			}
			var has Holder
			if err := json.Unmarshal(text, &has); err != nil {
				return fmt.Errorf("whom the name %s belongs to: %w", name, err)
			}
			if has.Tenant != m.holder.Tenant {
				return busy(name)
			}
		}
		return nil
	})
	if err != nil {
		i.taken.release(m)
	}
	return err
}

func busy(name string) error {
	return &call.Refusal{
		Busy: true, Why: fmt.Sprintf("the name %.200q is being given to an image by somebody else", name), Remedy: "take another name, or try again later",
	}
}

// take gives the name that is another's; empty where all are the call's now.
func (r *reservations) take(m *Making) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range m.names {
		if has := r.names[name]; has != nil && has.holder != m.holder && (has.given || m.given) {
			return name
		}
	}
	if r.names == nil {
		r.names = map[string]*reservation{}
	}
	for name := range m.names {
		if name == "" || strings.HasPrefix(name, "sha256:") {
			continue
		}
		has := r.names[name]
		if has == nil {
			has = &reservation{holder: m.holder}
			r.names[name] = has
		}
		if has.holder != m.holder {
			has.holder = Holder{} // several pull it: none of them may give it
		}
		has.calls++
		has.given = has.given || m.given
		m.reserved = append(m.reserved, name)
	}
	return ""
}

func (r *reservations) release(m *Making) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range m.reserved {
		if has := r.names[name]; has != nil {
			if has.calls--; has.calls <= 0 {
				delete(r.names, name)
			}
		}
	}
	m.reserved = nil
}
