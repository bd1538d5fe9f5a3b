package registries

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestInside(t *testing.T) {
	a := Addresses{
		Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
			to, ok := map[string]string{
				"registry.example.com": "203.0.113.7", "loops.example.com": "127.0.0.1", "both.example.com": "203.0.113.7 169.254.169.254",
				"mapped.example.com": "::ffff:127.0.0.1", "nat64.example.com": "64:ff9b::a9fe:a9fe", "host": "192.0.2.5", "intranet": "10.1.2.3",
			}[host]
			if !ok {
				return nil, errors.New("no such host")
			}
			var list []netip.Addr
			for _, s := range strings.Fields(to) {
				list = append(list, netip.MustParseAddr(s))
			}
			return list, nil
		},
		Own: func() ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.5")}, nil
		},
	}
	const itself, hosts, wrong = "this host itself", "only hosts", "!"
	for registry, want := range map[string]string{
		"registry.example.com": "", "registry.example.com:5000": "", "REGISTRY.example.com.": "", "intranet:5000": "", "203.0.113.9": "", "[2001:db8::1]:5000": "",
		"localhost": itself, "localhost:5000": itself, "x.localhost": itself, "127.0.0.1:5000": itself, "127.8.8.8": itself, "[::1]:5000": itself, "0.0.0.0:1": itself,
		"[::]:1": itself, "[::ffff:127.0.0.1]:1": itself, "loops.example.com": itself, "mapped.example.com": itself, "192.0.2.5:443": itself, "host:443": itself,
		"169.254.169.254": hosts, "both.example.com": hosts, "nat64.example.com:1": hosts, "[fe80::1%eth0]:1": hosts, "100.100.100.200:80": hosts, "[fd00:ec2::254]:80": hosts,
		"224.0.0.1": hosts, "[2002:a9fe:a9fe::]:1": hosts,
		"127.1": wrong, "127.1:5000": wrong, "2130706433": wrong, "0x7f000001:80": wrong, "0177.0.0.1": wrong, "nowhere.example.com": wrong, "": wrong, "..": wrong,
	} {
		why, err := a.Inside(t.Context(), registry)
		switch {
		case want == wrong && err == nil, want != wrong && err != nil, want == "" && why != "", want != wrong && !strings.Contains(why, want):
			t.Errorf("%q: %q, %v; want %q", registry, why, err, want)
		}
	}
}

func FuzzInside(f *testing.F) {
	for _, s := range []string{"localhost:5000", "[::1]:1", "127.1", "a.b", "[", "%"} {
		f.Add(s)
	}
	a := Addresses{
		Lookup: func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{netip.IPv6Loopback()}, nil },
		Own:    func() ([]netip.Addr, error) { return nil, nil },
	}
	f.Fuzz(func(t *testing.T, registry string) {
		why, err := a.Inside(t.Context(), registry)
		// Every name leads to this host here: only a plain address of elsewhere is not inside.
		if ip, perr := netip.ParseAddr(strings.TrimSuffix(hostOf(registry), ".")); err == nil && why == "" && perr != nil && !ip.IsValid() {
			t.Errorf("%q is outside", registry)
		}
	})
}
