package authz

import (
	"bytes"

	cedar "github.com/cedar-policy/cedar-go"
	publicast "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/types"
)

// Names says whether a custom policy is about somebody in particular: it has one of these texts as an id or a string, or looks
// at the name or id of whoever asks. What such a policy gives is no role, host or group that could be compared.
func (e *Engine) Names(texts ...string) bool {
	marks := [][]byte{[]byte("principal.name"), []byte("principal.id")}
	for _, t := range texts {
		marks = append(marks, types.String(t).MarshalCedar())
	}
	for _, p := range e.now.Load().entries[len(e.shipped):] {
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
