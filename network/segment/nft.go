package segment

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

// maxChains bounds how many chains are read; an engine with thousands of networks has a few per network.
const maxChains = 50_000

// listNftables reads all tables, chains and rules of the network namespace.
func listNftables(ctx context.Context) (ruleset, error) {
	var set ruleset
	deadline, _ := ctx.Deadline()
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *netlink.Conn) error {
		return c.SetDeadline(deadline)
	}))
	if err != nil {
		return set, fmt.Errorf("opening netlink: %w", err)
	}
	defer func() { _ = conn.CloseLasting() }()
	chains, err := conn.ListChains()
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
		return set, nil // a kernel without nftables
	}
	if err != nil {
		return set, fmt.Errorf("listing chains of nftables: %w", err)
	}
	if len(chains) > maxChains {
		return set, fmt.Errorf("more than %d chains", maxChains)
	}
	tables, err := conn.ListTables()
	if err != nil {
		return set, fmt.Errorf("listing tables of nftables: %w", err)
	}
	at := map[string]int{}
	for _, t := range tables {
		at[family(t.Family)+" "+t.Name] = len(set.tables)
		set.tables = append(set.tables, model.FirewallTable{Family: family(t.Family), Name: t.Name})
	}
	for _, c := range chains {
		if err := ctx.Err(); err != nil {
			return set, err
		}
		rules, err := conn.GetRules(c.Table, c)
		if err != nil {
			return set, fmt.Errorf("listing rules of %s %s: %w", c.Table.Name, c.Name, err)
		}
		out := fromNft(c)
		for _, r := range rules {
			out.rules = append(out.rules, decode(r.Exprs, interfaceName))
		}
		set.chains = append(set.chains, out)
		if i, ok := at[out.family+" "+out.table]; ok {
			set.tables[i].Chains++
			set.tables[i].Rules += len(rules)
		}
	}
	return set, nil
}

func interfaceName(index int) string {
	i, err := net.InterfaceByIndex(index)
	if err != nil {
		return ""
	}
	return i.Name
}

func family(f nftables.TableFamily) string {
	switch f {
	case nftables.TableFamilyINet:
		return "inet"
	case nftables.TableFamilyIPv4:
		return "ip"
	case nftables.TableFamilyIPv6:
		return "ip6"
	case nftables.TableFamilyARP:
		return "arp"
	case nftables.TableFamilyNetdev:
		return "netdev"
	case nftables.TableFamilyBridge:
		return "bridge"
	}
	return "other"
}

func fromNft(c *nftables.Chain) chain {
	out := chain{family: family(c.Table.Family), table: c.Table.Name, name: c.Name}
	if c.Hooknum == nil || c.Type == nftables.ChainTypeNAT {
		return out
	}
	if *c.Hooknum == *nftables.ChainHookForward && out.family != "netdev" {
		out.hook = "forward"
	} else {
		out.hook = "other"
	}
	if c.Policy != nil {
		out.policy = "accept"
		if *c.Policy == nftables.ChainPolicyDrop {
			out.policy = "drop"
		}
	}
	return out
}

// decode reads the expressions of a rule: a loaded fact stays in mind until the comparison that follows.
func decode(exprs []expr.Any, ifname func(int) string) (r rule) {
	loaded, udp := "", false
	for _, e := range exprs {
		switch e := e.(type) {
		case *expr.Meta:
			loaded = metaName(e.Key)
		case *expr.Payload:
			loaded = ""
			if e.Base == expr.PayloadBaseTransportHeader && e.Offset == 2 && e.Len == 2 {
				loaded = "dport"
			}
			r.conditional = true
		case *expr.Cmp:
			r.compare(loaded, e, &udp, ifname)
		case *expr.Match:
			r.match(e)
		case *expr.Limit, *expr.Connlimit, *expr.Quota:
			r.limited, r.conditional = true, true
		case *expr.Dynset:
			r.conditional = true
			for _, inner := range e.Exprs {
				switch inner.(type) {
				case *expr.Limit, *expr.Connlimit, *expr.Quota:
					r.limited = true
				}
			}
		case *expr.Verdict:
			r.verdict(e)
		case *expr.Reject:
			r.action = "drop"
		case *expr.Target:
			r.action = action(e.Name)
		case *expr.Counter, *expr.Log:
		default:
			r.conditional = true
		}
	}
	return r
}

func metaName(k expr.MetaKey) string {
	switch k {
	case expr.MetaKeyIIFNAME, expr.MetaKeyBRIIIFNAME:
		return "in"
	case expr.MetaKeyOIFNAME, expr.MetaKeyBRIOIFNAME:
		return "out"
	case expr.MetaKeyIIF:
		return "in-index"
	case expr.MetaKeyOIF:
		return "out-index"
	case expr.MetaKeyL4PROTO:
		return "l4"
	}
	return ""
}

func (r *rule) compare(loaded string, c *expr.Cmp, udp *bool, ifname func(int) string) {
	if c.Op != expr.CmpOpEq {
		r.conditional = true
		return
	}
	switch loaded {
	case "in", "out":
		// A name without the closing zero is the beginning of names.
		n, _, whole := bytes.Cut(c.Data, []byte{0})
		if !whole {
			r.conditional = true
			return
		}
		r.setInterface(loaded, string(n))
	case "in-index", "out-index":
		if len(c.Data) == 4 {
			r.setInterface(loaded[:len(loaded)-len("-index")], ifname(int(binary.NativeEndian.Uint32(c.Data))))
		}
	case "l4":
		*udp = len(c.Data) == 1 && c.Data[0] == unix.IPPROTO_UDP
		r.conditional = true
	case "dport":
		if *udp && len(c.Data) == 2 {
			r.udpPort = int(binary.BigEndian.Uint16(c.Data))
		}
	default:
		r.conditional = true
	}
}

func (r *rule) setInterface(which, name string) {
	if which == "in" {
		r.in = name
	} else {
		r.out = name
	}
}

// match reads matches of iptables, which iptables-nft keeps where nftables has nothing of the kind.
func (r *rule) match(m *expr.Match) {
	if m.Name == "comment" {
		return
	}
	r.conditional = true
	r.limited = r.limited || limits(m.Name)
	if u, ok := m.Info.(*xt.Udp); ok && m.Name == "udp" && u.DstPorts[0] == u.DstPorts[1] && u.InvFlags == 0 {
		r.udpPort = int(u.DstPorts[0])
	}
}

func (r *rule) verdict(v *expr.Verdict) {
	switch v.Kind {
	case expr.VerdictDrop:
		r.action = "drop"
	case expr.VerdictAccept:
		r.action = "accept"
	case expr.VerdictReturn:
		r.action = "return"
	case expr.VerdictJump, expr.VerdictGoto:
		r.action, r.target = "jump", v.Chain
	default:
		r.action = "other"
	}
}
