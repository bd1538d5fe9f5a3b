package authn

import (
	"context"
	"net/netip"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Limits of failures. NIST SP 800-63B-4, section 3.2.2: at most 100 consecutive ones on an account.
const (
	lockAt        = 100
	freeTries     = 3  // before each further try has to wait
	freeAddress   = 20 // the same, for all tries from one address
	longestWait   = 15 * time.Minute
	addressMemory = time.Hour // an address that was quiet for so long begins anew
)

// attempt counts a try as a failure before it is judged, so that many at once do not get more tries than one after the
// other; success clears the count. Keys are digests of what was typed, so unknown names are treated like known ones.
func (s *Service) attempt(ctx context.Context, key string) error {
	count, last, err := s.store.Failures(ctx, key)
	if err != nil {
		return coded(err, "counting failures")
	}
	now := s.now()
	if count >= lockAt {
		return fail(model.CodeTooMany, "there were too many failures in a row",
			"sign in with a passkey, or ask an administrator for a new enrolment link", nil)
	}
	if left := last.Add(wait(count, freeTries)).Sub(now); left > 0 {
		return tooMany(left)
	}
	n, err := s.store.AddFailure(ctx, key, now)
	if err != nil {
		return coded(err, "counting failures")
	}
	if n > count+1 && n > freeTries { // others tried at the same moment
		return tooMany(wait(n, freeTries))
	}
	return nil
}

func tooMany(left time.Duration) error {
	left = left.Round(time.Second) + time.Second
	return &model.Error{
		Code: model.CodeTooMany, Message: "there were several failures, so the next try has to wait", Remedy: "try again in " + left.String(), Wait: left,
	}
}

// wait grows from one second, doubling with every failure.
func wait(count, free int) time.Duration {
	if count <= free {
		return 0
	}
	if n := count - free - 1; n < 10 {
		return min(time.Second<<n, longestWait)
	}
	return longestWait
}

func (s *Service) addressOpen(ctx context.Context, c Client) error {
	key := addressKey(c)
	count, last, err := s.store.Failures(ctx, key)
	if err != nil {
		return coded(err, "counting failures")
	}
	now := s.now()
	if count > 0 && now.Sub(last) > addressMemory {
		return coded(s.store.ClearFailures(ctx, key), "counting failures")
	}
	if left := last.Add(wait(count, freeAddress)).Sub(now); left > 0 {
		return tooMany(left)
	}
	return nil
}

func (s *Service) addressFailed(ctx context.Context, c Client) error {
	_, err := s.store.AddFailure(ctx, addressKey(c), s.now())
	return coded(err, "counting failures")
}

// addressKey joins the addresses of an IPv6 network of 64 bits, which one host can have all of.
func addressKey(c Client) string {
	address := c.Address
	if ap, err := netip.ParseAddrPort(address); err == nil {
		address = ap.Addr().String()
	}
	if a, err := netip.ParseAddr(address); err == nil {
		a = a.Unmap().WithZone("")
		address = a.String()
		if a.Is6() {
			if p, err := a.Prefix(64); err == nil {
				address = p.String()
			}
		}
	}
	return "address:" + digest(address)
}

func passwordKey(tenant, name string) string { return "password:" + digest(tenant, name) }
func factorKey(user string) string           { return "factor:" + user }
