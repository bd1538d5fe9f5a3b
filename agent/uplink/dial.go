package uplink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"
)

// dialLimit is for one address: one that swallows packets must not keep the others from being tried.
const dialLimit = 3 * time.Second

// dialer tries the addresses of a name one after the other. Where it begins is by chance, so that nodes spread over replicas, and
// moves on when a server did not do.
type dialer struct {
	lookup  func(ctx context.Context, host string) ([]string, error)
	connect func(ctx context.Context, network, address string) (net.Conn, error)
	begin   atomic.Uint32
}

func newDialer() *dialer {
	d := &dialer{lookup: net.DefaultResolver.LookupHost, connect: (&net.Dialer{Timeout: dialLimit, KeepAlive: pingAfter}).DialContext}
	d.begin.Store(rand.Uint32() >> 1) //nolint:gosec // where to begin is no secret
	return d
}

func (d *dialer) next() { d.begin.Add(1) }

func (d *dialer) dial(ctx context.Context, network, at string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return nil, err
	}
	addresses, err := d.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	var all []error
	begin := int(d.begin.Load() % uint32(max(len(addresses), 1)))
	for i := range addresses {
		conn, err := d.connect(ctx, network, net.JoinHostPort(addresses[(begin+i)%len(addresses)], port))
		if err == nil {
			return conn, nil
		}
		all = append(all, err)
		if ctx.Err() != nil {
			break
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no address", host)
	}
	return nil, errors.Join(all...)
}
