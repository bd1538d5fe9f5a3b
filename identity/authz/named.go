package authz

import (
	"bytes"

	cedar "github.com/cedar-policy/cedar-go"
	publicast "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/types"

	"github.com/bulkhead-security/bulkhead/model"
)

// Names says whether a custom policy is about somebody in particular: it has one of these texts as an id or a string, or looks
// at the name or id of whoever asks. What such a policy gives is no role, host or group that could be compared.
func (e *Engine) Names(texts ...string) bool {
	marks := [][]byte{[]byte("principal.name"), []byte("principal.id")}
	for _, t := range texts {
		marks = append(marks, types.String(t).MarshalCedar())
	}
	return e.custom(marks, func(*entry) bool { return true })
}

// Forbids says whether a custom policy of the system's tenant, which holds for everybody, forbids something under a profile of workloads.
func (e *Engine) Forbids(profile string) bool {
	mark := append([]byte("context.profile == "), types.String(profile).MarshalCedar()...)
	return e.custom([][]byte{mark}, func(p *entry) bool { return p.tenant == model.SystemTenant && p.policy.Effect() == types.Forbid })
}

// custom says whether a custom policy has one of these in its text.
func (e *Engine) custom(marks [][]byte, of func(*entry) bool) bool {
	for _, p := range e.now.Load().entries[len(e.shipped):] {
		if !of(p) {
			continue
		}
		// Written anew, so that it does not matter how the author wrote a character.
		text := cedar.NewPolicyFromAST((*publicast.Policy)(p.scope)).MarshalCedar()
		for _, m := range marks {
			if bytes.Contains(text, m) {
				return true
			}
		}
	}
	return false
}
