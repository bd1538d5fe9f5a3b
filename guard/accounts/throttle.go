package accounts

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Limits of guesses at tokens.
const (
	freeGuesses   = 5 // before each further one has to wait
	longestWait   = time.Minute
	sourceMemory  = 15 * time.Minute // whoever was quiet for so long begins anew
	mostSources   = 16_384
	doublingsMost = 6
)

// throttle counts wrong tokens by where they come from. The number of sources that are known is bounded: the one that was quiet longest is
// forgotten.
type throttle struct {
	now func() time.Time
	mu  sync.Mutex
	by  *simplelru.LRU[string, guesses]
}

type guesses struct {
	count int
	last  time.Time
}

func newThrottle(now func() time.Time) *throttle {
	by, err := simplelru.NewLRU[string, guesses](mostSources, nil)
	if err != nil {
		panic(err) // a size above zero is no error
	}
	return &throttle{now: now, by: by}
}

// wait is how long a source has to wait before its next try.
func (t *throttle) wait(source string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, ok := t.by.Peek(source)
	if !ok || g.count <= freeGuesses {
		return 0
	}
	pause := min(time.Second<<min(g.count-freeGuesses-1, doublingsMost), longestWait)
	return max(g.last.Add(pause).Sub(t.now()), 0)
}

func (t *throttle) failed(source string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, _ := t.by.Get(source)
	if t.now().Sub(g.last) > sourceMemory {
		g.count = 0
	}
	g.count, g.last = min(g.count+1, 1<<20), t.now()
	t.by.Add(source, g)
}

func (t *throttle) clear(source string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.by.Remove(source)
}

// sourceOf is who is counted: a user of this machine, or an address; of IPv6 the network that one host can have all of.
func sourceOf(p *Peer, local bool, remote string) string {
	if local {
		return "uid " + text(p.UID)
	}
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	at := ap.Addr().Unmap().WithZone("")
	if at.Is6() {
		if prefix, err := at.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return at.String()
}

// SourceOf is whose connection it is, for limits of how many somebody may have.
func SourceOf(c net.Conn) string {
	p, err := PeerOf(c)
	if err != nil {
		return "unknown"
	}
	return sourceOf(p, p != nil, c.RemoteAddr().String())
}
