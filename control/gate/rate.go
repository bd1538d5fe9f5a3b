package gate

import (
	"fmt"
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// maxLimited bounds how many identities or addresses are remembered at once; the one seen longest ago is forgotten.
const maxLimited = 1 << 16

// limiter holds one token bucket per key.
type limiter struct {
	buckets *lru.Cache[string, *rate.Limiter]
	rate    rate.Limit
	burst   int
}

func newLimiter(perSecond float64, burst int) (*limiter, error) {
	buckets, err := lru.New[string, *rate.Limiter](maxLimited)
	if err != nil {
		return nil, fmt.Errorf("gate: limiter: %w", err)
	}
	return &limiter{buckets: buckets, rate: rate.Limit(perSecond), burst: burst}, nil
}

// allow takes one call from the key's bucket.
func (l *limiter) allow(key string, now time.Time) bool {
	bucket, ok := l.buckets.Get(key)
	if !ok {
		fresh := rate.NewLimiter(l.rate, l.burst)
		if previous, there, _ := l.buckets.PeekOrAdd(key, fresh); there {
			fresh = previous
		}
		bucket = fresh
	}
	return bucket.AllowN(now, 1)
}

// network is the part of an address that one customer has: all of IPv4, 64 bits of IPv6.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
