//go:build e2e

package segment

import (
	"os/exec"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestKernel needs root: it writes rules into a network namespace of its own and reads them back.
func TestKernel(t *testing.T) {
	runtime.LockOSThread() // never unlocked: the thread ends with the test and takes the namespace along
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	run(t, "nft", "-f", "-", `
table inet own {
	chain forwarded { type filter hook forward priority -10; policy drop; iifname "br0" oifname "br0" drop; tcp dport 80 limit rate over 10/second drop; }
}
table ip docker-bridges {
	chain filter-FORWARD { type filter hook forward priority 0; policy accept; }
	chain filter-forward-in__br9 { iifname "br9" counter drop; }
}`)
	run(t, "iptables-nft", "-N", "DOCKER-USER")
	run(t, "iptables-nft", "-A", "DOCKER-USER", "-j", "RETURN")
	run(t, "iptables-nft", "-A", "FORWARD", "-j", "DOCKER-USER")
	run(t, "iptables-nft", "-A", "FORWARD", "-i", "docker0", "-o", "docker0", "-j", "DROP")
	run(t, "iptables-nft", "-A", "INPUT", "-p", "udp", "--dport", "4789", "-j", "DROP")
	run(t, "iptables-nft", "-P", "FORWARD", "DROP")

	set, err := listNftables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fw := derive(set)
	want := &model.Firewall{
		Backend: "nftables+iptables-nft", ForwardPolicy: "drop", ForwardPolicy6: "drop",
		ICCDropRules: []string{"br0", "br9", "docker0"}, RateLimitRules: 1, VXLANRules: 1,
		Tables: []model.FirewallTable{
			{Family: "inet", Name: "own", Chains: 1, Rules: 2},
			{Family: "ip", Name: "docker-bridges", Chains: 2, Rules: 1},
			{Family: "ip", Name: "filter", Chains: 3, Rules: 4},
		},
	}
	if !reflect.DeepEqual(fw, want) {
		t.Errorf("got\n%+v\nwant\n%+v", fw, want)
	}
}

func run(t *testing.T, args ...string) {
	t.Helper()
	var in string
	if args[0] == "nft" {
		in, args = args[len(args)-1], args[:len(args)-1]
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin = strings.NewReader(in)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
}
