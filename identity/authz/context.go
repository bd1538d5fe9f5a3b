package authz

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"github.com/bulkhead-security/bulkhead/model"
)

// reads says which facts of the context a policy looks at: those that none looks at need not be made.
type reads uint16

// The facts that are yes or no, and credential, are few enough to be kept ready made.
const (
	readMFA reads = 1 << iota
	readPhishingResistant
	readDemanded
	readFresh
	readApproved
	readDangerous
	readFourEyes
	readCredential
	readOther // anything else, or the context as a whole
	readsAll  = readOther
)

func readOf(attr types.String) reads {
	switch attr {
	case "mfa":
		return readMFA
	case "phishing_resistant":
		return readPhishingResistant
	case "phishing_resistant_demanded":
		return readDemanded
	case "fresh_factor":
		return readFresh
	case "approved":
		return readApproved
	case "dangerous":
		return readDangerous
	case "four_eyes":
		return readFourEyes
	case "credential":
		return readCredential
	}
	return readOther
}

// readsOf finds what a policy looks at. The context itself, other than in front of a dot or of `has`, counts as all.
func readsOf(p *ast.Policy) reads {
	var r reads
	for _, c := range p.Conditions {
		ast.Inspect(ast.NewNode(c.Body), func(n ast.IsNode) bool {
			switch n := n.(type) {
			case ast.NodeTypeAccess:
				if isContext(n.Arg) {
					r |= readOf(n.Value)
					return false
				}
			case ast.NodeTypeHas:
				if isContext(n.Arg) {
					r |= readOf(n.Value)
					return false
				}
			case ast.NodeTypeVariable:
				if isContext(n) {
					r |= readOther
				}
			}
			return true
		})
	}
	return r
}

// possible leaves out the policies that can't hold with the facts that a door gave: a call that runs nothing does not pay for the rules of
// those that do, nor one that asks for nothing special for the rules about all that it could have asked for.
func (w walk) possible(facts map[string]any) walk {
	return slices.DeleteFunc(w, func(e *entry) bool { return e.premise.fails(facts) })
}

func isContext(n ast.IsNode) bool {
	v, ok := n.(ast.NodeTypeVariable)
	return ok && v.Name == "context"
}

// reads is what any of the policies looks at.
func (w walk) reads() reads {
	var r reads
	for _, e := range w {
		r |= e.reads
	}
	return r
}

// contextKey is a context of nothing but yes and no, and the kind of credential.
type contextKey struct {
	mask, set  reads
	credential types.String
}

// context are the facts of a decision. A door can add some, and can't replace those that are decided here.
func (s *snapshot) context(r *model.Request, act *action, a Assume, mask reads) (types.Record, error) {
	if mask&readOther != 0 {
		mask = readOther*2 - 1
	}
	k := contextKey{mask: mask, credential: credential(&r.Principal)}
	token := k.credential == credentialToken
	for _, f := range [...]struct {
		bit reads
		yes bool
	}{
		{readMFA, r.Principal.Auth.MFA && !r.Principal.Auth.Pending || a.Factor},
		{readPhishingResistant, r.Principal.Auth.PhishingResistant || a.PhishingResistant},
		{readDemanded, s.opts.phishingResistant},
		{readFresh, !token && (r.FreshFactor || a.Fresh)},
		{readApproved, r.Approved || a.Approved},
		{readDangerous, r.Dangerous || act.dangerous == "yes"},
		{readFourEyes, s.fourEyes(r) && !a.NoFourEyes},
	} {
		if f.yes {
			k.set |= f.bit
		}
	}
	if mask&readOther != 0 {
		return s.wholeContext(r, k)
	}
	if err := s.checkFacts(r); err != nil {
		return types.Record{}, err
	}
	k.set &= mask
	if rec, ok := s.schema.cache.contexts.Get(k); ok {
		return rec, nil
	}
	m := types.RecordMap{}
	k.fill(m)
	rec := types.NewRecord(m)
	s.schema.cache.contexts.Add(k, rec)
	return rec, nil
}

func (k contextKey) fill(m types.RecordMap) {
	for _, f := range [...]struct {
		bit  reads
		name types.String
	}{
		{readMFA, "mfa"},
		{readPhishingResistant, "phishing_resistant"},
		{readDemanded, "phishing_resistant_demanded"},
		{readFresh, "fresh_factor"},
		{readApproved, "approved"},
		{readDangerous, "dangerous"},
		{readFourEyes, "four_eyes"},
	} {
		if k.mask&f.bit != 0 {
			m[f.name] = types.Boolean(k.set&f.bit != 0)
		}
	}
	if k.mask&readCredential != 0 {
		m["credential"] = k.credential
	}
}

// checkFacts refuses facts that no policy could read, whether or not one wants to. Most are plain.
func (s *snapshot) checkFacts(r *model.Request) error {
	c := converter{schema: s.schema}
	for k, v := range r.Facts {
		if err := c.check(v, 0); err != nil {
			return fmt.Errorf("fact %s: %w", k, err)
		}
	}
	return nil
}

func (s *snapshot) wholeContext(r *model.Request, k contextKey) (types.Record, error) {
	m := make(types.RecordMap, 14+len(r.Facts))
	c := converter{schema: s.schema}
	for name, v := range r.Facts {
		var err error
		if m[types.String(name)], err = c.value(v, 0); err != nil {
			return types.Record{}, fmt.Errorf("fact %s: %w", name, err)
		}
	}
	delete(m, "ip")
	address, _ := m["address"].(types.String)
	if ip, err := netip.ParseAddr(string(address)); err == nil && ip.Zone() == "" {
		m["ip"] = types.IPAddr(netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()))
	}
	m["address"] = address
	door, _ := m["door"].(types.String)
	m["door"] = door
	m["amr"] = amr(r.Principal.Auth.AMR)
	m["time"] = types.NewDatetime(r.Time)
	k.fill(m)
	return types.NewRecord(m), nil
}

func credential(p *model.Principal) types.String {
	switch p.Credential.Type {
	case "Session", credentialToken:
		return types.String(p.Credential.Type)
	}
	return "Certificate"
}

func amr(list []string) types.Value {
	if len(list) == 0 {
		return types.Set{}
	}
	values := make([]types.Value, len(list))
	for i, v := range list {
		values[i] = types.String(v)
	}
	return types.NewSet(values...)
}
