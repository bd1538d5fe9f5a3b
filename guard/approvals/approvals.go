// Package approvals holds what the control plane approved for a time at the engines of a node: an action on an object that a second person
// agreed to, and that somebody showed a second factor just now.
//
// It is pure: it is told, and asks nobody. What it was not told is not approved.
package approvals

import (
	"sync/atomic"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
)

// Approvals are those in force. The zero value has none; its methods may be called at once from many places.
type Approvals struct {
	now atomic.Pointer[map[key]time.Time]
}

type key struct {
	user, action string
	on           model.Ref
}

// Set puts others into force, in place of all before.
func (a *Approvals) Set(list []bundle.Grant) {
	m := make(map[key]time.Time, len(list))
	for _, g := range list {
		k := key{user: g.User, action: g.Action, on: g.Resource}
		if g.Until.After(m[k]) {
			m[k] = g.Until
		}
	}
	a.now.Store(&m)
}

// Approved says whether a second person approved an action of a user on an object.
func (a *Approvals) Approved(user, action string, on model.Ref, now time.Time) bool {
	m := a.now.Load()
	return m != nil && user != "" && now.Before((*m)[key{user: user, action: action, on: on}])
}

// SteppedUp says whether a user showed a second factor for the engines.
func (a *Approvals) SteppedUp(user string, now time.Time) bool {
	return a.Approved(user, model.ActionStepUp, model.Ref{Type: "User", ID: user}, now)
}
