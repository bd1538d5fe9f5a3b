package segment

import (
	"testing"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
)

func ifn(s string) []byte { return append([]byte(s), make([]byte, 16-len(s))...) }

func in(s string) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: ifn(s)}}
}

func out(op expr.CmpOp, s string) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1}, &expr.Cmp{Op: op, Register: 1, Data: ifn(s)}}
}

func exprs(parts ...any) (all []expr.Any) {
	for _, p := range parts {
		if list, ok := p.([]expr.Any); ok {
			all = append(all, list...)
		} else {
			all = append(all, p.(expr.Any))
		}
	}
	return all
}

var drop = &expr.Verdict{Kind: expr.VerdictDrop}

func TestDecode(t *testing.T) {
	udp := []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Data: []byte{17}}}
	vxlan := []expr.Any{&expr.Payload{Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}, &expr.Cmp{Op: expr.CmpOpEq, Data: []byte{0x12, 0xb5}}}
	for name, c := range map[string]struct {
		in   []expr.Any
		want rule
	}{
		"icc":     {exprs(in("docker0"), out(expr.CmpOpEq, "docker0"), &expr.Counter{}, drop), rule{in: "docker0", out: "docker0", action: "drop"}},
		"negated": {exprs(in("docker0"), out(expr.CmpOpNeq, "docker0"), drop), rule{in: "docker0", conditional: true, action: "drop"}},
		"begins with": {
			exprs(&expr.Meta{Key: expr.MetaKeyIIFNAME}, &expr.Cmp{Op: expr.CmpOpEq, Data: []byte("br-")}, drop),
			rule{conditional: true, action: "drop"},
		},
		"by index": {
			exprs(&expr.Meta{Key: expr.MetaKeyIIF}, &expr.Cmp{Op: expr.CmpOpEq, Data: []byte{3, 0, 0, 0}}, drop),
			rule{in: "if3", action: "drop"},
		},
		"limit": {exprs(&expr.Limit{Rate: 5, Over: true}, drop), rule{limited: true, conditional: true, action: "drop"}},
		"hashlimit": {
			exprs(&expr.Match{Name: "hashlimit"}, &expr.Target{Name: "REJECT"}),
			rule{limited: true, conditional: true, action: "drop"},
		},
		"comment": {exprs(in("a"), &expr.Match{Name: "comment"}, &expr.Reject{}), rule{in: "a", action: "drop"}},
		"meter": {
			exprs(&expr.Dynset{Exprs: []expr.Any{&expr.Limit{Over: true}}}, drop),
			rule{limited: true, conditional: true, action: "drop"},
		},
		"vxlan":          {exprs(udp, vxlan, drop), rule{conditional: true, action: "drop", udpPort: 4789}},
		"vxlan over tcp": {exprs(vxlan, drop), rule{conditional: true, action: "drop"}},
		"vxlan by match": {
			exprs(&expr.Match{Name: "udp", Info: &xt.Udp{DstPorts: [2]uint16{4789, 4789}}}, &expr.Verdict{Kind: expr.VerdictAccept}),
			rule{conditional: true, action: "accept", udpPort: 4789},
		},
		"jump": {exprs(&expr.Verdict{Kind: expr.VerdictGoto, Chain: "X"}), rule{action: "jump", target: "X"}},
		"log":  {exprs(&expr.Limit{}, &expr.Log{}), rule{limited: true, conditional: true}},
		"set":  {exprs(in("a"), &expr.Lookup{}, drop), rule{in: "a", conditional: true, action: "drop"}},
	} {
		if got := decode(c.in, func(int) string { return "if3" }); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func TestDeriveNftables(t *testing.T) {
	icc := rule{in: "br0", action: "drop"}
	set := ruleset{chains: []chain{
		{family: "inet", table: "own", name: "fwd", hook: "forward", policy: "drop", rules: []rule{{action: "jump", target: "more"}}},
		{family: "inet", table: "own", name: "more", rules: []rule{{limited: true, action: "accept"}, {limited: true}}},
		{family: "ip", table: "docker-bridges", name: "filter-forward-in__br0", rules: []rule{icc}},
		{family: "ip", table: "docker-bridges", name: "filter-forward-in__br1", rules: []rule{icc}},
	}}
	fw := derive(set)
	if fw.ForwardPolicy != "drop" || fw.ForwardPolicy6 != "drop" || fw.RateLimitRules != 1 {
		t.Errorf("got %+v", fw)
	}
	if len(fw.ICCDropRules) != 1 || fw.ICCDropRules[0] != "br0" {
		t.Errorf("drops within %v", fw.ICCDropRules)
	}
}
