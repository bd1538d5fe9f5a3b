package segment

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

func reader(t *testing.T, files map[string]string) *Reader {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	x := New(root)
	x.nft = func(context.Context) (ruleset, error) { return ruleset{}, nil }
	x.save = func(context.Context, string) ([]byte, error) { return []byte(docker20), nil }
	return x
}

func TestFirewall(t *testing.T) {
	x := reader(t, map[string]string{"proc/net/ip_tables_names": "filter\n", "proc/sys/net/bridge/bridge-nf-call-iptables": "1\n"})
	put, gaps := x.Firewall(t.Context())
	if len(gaps) > 0 {
		t.Fatal(gaps)
	}
	var s model.Snapshot
	put(&s)
	if s.Firewall.Backend != "iptables-legacy" || s.Firewall.BridgeNFCallIPTables == nil || !*s.Firewall.BridgeNFCallIPTables {
		t.Errorf("got %+v", s.Firewall)
	}
	if s.Firewall.BridgeNFCallIP6Tables != nil {
		t.Error("a sysctl that is not there was read")
	}
}

func TestFirewallGaps(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*Reader)
		want model.GapReason
	}{
		"no right": {func(x *Reader) {
			x.nft = func(context.Context) (ruleset, error) { return ruleset{}, unix.EPERM }
		}, model.GapPermission},
		"late": {func(x *Reader) {
			x.nft = func(context.Context) (ruleset, error) { return ruleset{}, context.DeadlineExceeded }
		}, model.GapTimeout},
		"garbage": {func(x *Reader) {
			x.save = func(context.Context, string) ([]byte, error) { return []byte("x"), nil }
		}, model.GapMalformed},
	} {
		x := reader(t, map[string]string{"proc/net/ip_tables_names": "filter\n"})
		c.set(x)
		put, gaps := x.Firewall(t.Context())
		if put != nil || len(gaps) != 1 || gaps[0].Reason != c.want || gaps[0].Path != "/firewall" {
			t.Errorf("%s: got %v", name, gaps)
		}
	}
}

func TestCappedRefuses(t *testing.T) {
	c := &capped{}
	if _, err := c.Write([]byte(strings.Repeat("x", maxSave+1))); err == nil {
		t.Error("too much output was taken")
	}
}
