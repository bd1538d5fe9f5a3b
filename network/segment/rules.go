package segment

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// vxlanPort is the data port of overlay networks.
const vxlanPort = 4789

// ruleset is what the kernel filters, in the one form into which both sources are brought.
type ruleset struct {
	chains []chain
	tables []model.FirewallTable
	legacy bool
}

// chain is a chain with its rules.
type chain struct {
	family, table, name string
	hook                string // "forward", "input", ... ; empty for a chain that others jump to
	policy              string // "accept", "drop"
	rules               []rule
}

// rule is what matters of a rule.
type rule struct {
	in, out string // interfaces, where the rule names exactly one
	// conditional is true when the rule looks at more than the interfaces.
	conditional bool
	limited     bool   // by rate or number of connections
	action      string // "drop", "accept", "return", "jump", "other", "" for none
	target      string // of a jump
	udpPort     int    // destination port
}

// derive gives the facts of the snapshot.
func derive(set ruleset) *model.Firewall {
	fw := &model.Firewall{Backend: backend(set), Tables: set.tables, DockerUserRules: -1}
	fw.ForwardPolicy = forwardPolicy(set.chains, "ip")
	fw.ForwardPolicy6 = forwardPolicy(set.chains, "ip6")
	forwarding := reachable(set.chains)
	bridges := map[string]bool{}
	for i, c := range set.chains {
		if c.table == "filter" && c.name == "DOCKER-USER" {
			fw.DockerUserRules = max(fw.DockerUserRules, 0) + countOwn(c.rules)
		}
		for _, r := range c.rules {
			if r.udpPort == vxlanPort {
				fw.VXLANRules++
			}
			if !forwarding[i] {
				continue
			}
			if r.limited && r.action != "" {
				fw.RateLimitRules++
			}
			if r.action == "drop" && !r.conditional && r.in != "" && closesBridge(c, r) {
				bridges[r.in] = true
			}
		}
	}
	for b := range bridges {
		fw.ICCDropRules = append(fw.ICCDropRules, b)
	}
	slices.Sort(fw.ICCDropRules)
	slices.SortFunc(fw.Tables, func(a, b model.FirewallTable) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Name, b.Name))
	})
	return fw
}

// closesBridge says whether a rule drops what goes from a bridge to the same bridge. The engine's nftables back end puts
// it into a chain that only packets to the bridge reach, with no output interface in the rule.
func closesBridge(c chain, r rule) bool {
	if r.in == r.out {
		return true
	}
	return r.out == "" && c.table == "docker-bridges" && c.name == "filter-forward-in__"+r.in
}

// countOwn counts the rules of DOCKER-USER without the RETURN that the engine ends it with.
func countOwn(rules []rule) int {
	if n := len(rules); n > 0 && rules[n-1].action == "return" && !rules[n-1].conditional && rules[n-1].in == "" {
		return n - 1
	}
	return len(rules)
}

// forwardPolicy is the policy that forwarded packets of the family meet: a packet must get through every base chain.
func forwardPolicy(chains []chain, family string) string {
	policy := ""
	for _, c := range chains {
		if c.hook != "forward" || c.family != family && c.family != "inet" {
			continue
		}
		if c.policy == "drop" {
			return "drop"
		}
		if c.table == "filter" || policy == "" && c.family == "inet" {
			policy = "accept"
		}
	}
	return policy
}

// reachable tells the chains that forwarded packets get to.
func reachable(chains []chain) []bool {
	type key struct{ family, table, name string }
	at := map[key]int{}
	for i, c := range chains {
		at[key{c.family, c.table, c.name}] = i
	}
	seen := make([]bool, len(chains))
	var todo []int
	visit := func(i int) {
		if !seen[i] {
			seen[i] = true
			todo = append(todo, i)
		}
	}
	for i, c := range chains {
		// Jumps through a verdict map are not followed; the engine's own chains behind one are known by name.
		if c.hook == "forward" || c.table == "docker-bridges" && strings.HasPrefix(c.name, "filter-forward-") {
			visit(i)
		}
	}
	for len(todo) > 0 {
		c := chains[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		for _, r := range c.rules {
			if i, ok := at[key{c.family, c.table, r.target}]; ok && r.action == "jump" {
				visit(i)
			}
		}
	}
	return seen
}

// backend names what is in use. iptables-nft is known by its tables' names and its chains in capitals.
func backend(set ruleset) string {
	var parts []string
	translated := map[string]bool{}
	for _, c := range set.chains {
		if (c.family == "ip" || c.family == "ip6") &&
			slices.Contains([]string{"filter", "nat", "mangle", "raw", "security"}, c.table) && c.name == strings.ToUpper(c.name) {
			translated[c.family+" "+c.table] = true
		}
	}
	native, old := false, false
	for _, t := range set.tables {
		if translated[t.Family+" "+t.Name] {
			old = true
		} else {
			native = true
		}
	}
	if native {
		parts = append(parts, "nftables")
	}
	if old {
		parts = append(parts, "iptables-nft")
	}
	if set.legacy {
		parts = append(parts, "iptables-legacy")
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, "+")
}
