//go:build e2e

package plane

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkConsole is how the console feels in Chromium beside a fleet that works: 1,000 hosts with 50 containers each, which keep
// their streams open and send a difference every 30 seconds. BULKHEAD_FLEET is another number of hosts.
func BenchmarkConsole(b *testing.B) {
	hosts := 1000
	if n := os.Getenv("BULKHEAD_FLEET"); n != "" {
		var err error
		if hosts, err = strconv.Atoi(n); err != nil {
			b.Fatal(err)
		}
	}
	const each = 50
	for b.Loop() {
		f := newSimFleet(b, hosts, each)
		figures := func(what, with string) (string, bool) {
			switch what {
			case "fleet":
				f.grow(hosts)
				f.settle(1)
				return fmt.Sprintf(`{"nodes": %d, "containers": %d}`, hosts, hosts*each), true
			case "figure":
				name, value, _ := strings.Cut(with, " ")
				v, err := strconv.ParseFloat(value, 64)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(v, name)
			}
			return "", false
		}
		inBrowser(b, 30*time.Minute, figures, "console-speed.mjs", f.admin.server.URL, f.admin.inviteTo("ann", "administrator", "system"), spki(b, f.admin.server))
	}
}
