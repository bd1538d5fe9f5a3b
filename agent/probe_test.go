package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/time/rate"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func TestReach(t *testing.T) {
	for name, c := range map[string]struct {
		dial func(at string) error
		want bool
	}{
		"one port takes it": {func(at string) error {
			return map[bool]error{false: os.ErrDeadlineExceeded}[strings.HasSuffix(at, ":22")]
		}, true},
		"one port refuses": {func(at string) error {
			return map[bool]error{true: syscall.ECONNREFUSED, false: os.ErrDeadlineExceeded}[strings.HasSuffix(at, ":9")]
		}, true},
		"no answer":            {func(string) error { return os.ErrDeadlineExceeded }, false},
		"no way":               {func(string) error { return syscall.EHOSTUNREACH }, false},
		"no route to the host": {func(string) error { return errors.New("no route") }, false},
	} {
		p := &prober{own: func() []netip.Addr { return nil }, dial: func(_ context.Context, _, at string) (net.Conn, error) {
			if err := c.dial(at); err != nil {
				return nil, &net.OpError{Op: "dial", Err: err}
			}
			a, b := net.Pipe()
			_ = b.Close()
			return a, nil
		}}
		if ok, text := p.reach(t.Context(), []string{"192.0.2.1", "2001:db8::1"}); ok != c.want || text == "" {
			t.Errorf("%s: %t, %s", name, ok, text)
		}
	}
}

func TestOnlySomeAddressesAreAsked(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]bool{}
	p := &prober{
		own: func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("192.0.2.7")} },
		dial: func(_ context.Context, _, at string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			host, _, err := net.SplitHostPort(at)
			asked[host] = true
			return nil, errors.Join(err, os.ErrDeadlineExceeded)
		},
	}
	bad := []string{"", "x", "host.example.org", "127.0.0.1", "::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "169.254.169.254", "fe80::1", "fe80::1%eth0", "255.255.255.255", "192.0.2.7", "::ffff:127.0.0.1", "::ffff:192.0.2.7"}
	if ok, _ := p.reach(t.Context(), bad); ok || len(asked) > 0 {
		t.Errorf("asked %v", asked)
	}
	var many []string
	for i := range 50 {
		many = append(many, fmt.Sprint("192.0.2.", i+100), fmt.Sprint("192.0.2.", i+100))
	}
	if ok, _ := p.reach(t.Context(), many); ok || len(asked) != mostProbed {
		t.Errorf("%d addresses were asked", len(asked))
	}
}

func TestProbesAreLimited(t *testing.T) {
	var mu sync.Mutex
	dialled := 0
	a := &Agent{slog: slog.New(slog.DiscardHandler), wake: make(chan struct{}, 1), probes: &prober{
		limit: rate.NewLimiter(0, 3), slots: make(chan struct{}, 4), own: func() []netip.Addr { return nil },
		dial: func(context.Context, string, string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			dialled++
			return nil, syscall.ECONNREFUSED
		},
	}}
	for i := range 20 {
		a.probe(t.Context(), &bulkheadv1.Probe{Id: fmt.Sprint("q", i), Addresses: []string{"192.0.2.1"}})
	}
	for answers := 0; answers < 3; {
		<-a.wake
		for _, r := range a.takeAnswers() {
			if answers++; !r.GetReachable() || r.GetId() == "" || r.GetText() == "" {
				t.Errorf("%v", r)
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if dialled > 3*len(ports()) {
		t.Errorf("%d connections for three questions", dialled)
	}
}

func TestAddresses(t *testing.T) {
	for _, ip := range Addresses() {
		if ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
			t.Errorf("%s reaches no other machine", ip)
		}
	}
}
