package guarded

import (
	"net/http"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/approvals"
	"github.com/bulkhead-security/bulkhead/guard/call"
	guarddoor "github.com/bulkhead-security/bulkhead/guard/daemon"
)

// steppedUp adds the second factor that somebody showed to the control plane for the engines.
type steppedUp struct {
	who       guarddoor.Identifier
	approvals *approvals.Approvals
	now       func() time.Time
}

// Identify implements guard/daemon's Identifier.
func (s *steppedUp) Identify(r *http.Request) (*call.Subject, error) {
	who, err := s.who.Identify(r)
	// A token or certificate shows what it shows, whoever holds it.
	if err != nil || who.Principal.Credential.Type != "Session" || !s.approvals.SteppedUp(who.Principal.ID, s.now()) {
		return who, err
	}
	who.Principal.Auth.MFA, who.FreshFactor = true, true
	return who, nil
}
