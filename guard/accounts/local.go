package accounts

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/model"
)

// amrHost says that the login to the machine is all that is known; amrMFA that it shows two factors.
const (
	amrHost = "os"
	amrMFA  = "mfa"
)

// byPeer gives the account of a process of this machine.
func (a *Accounts) byPeer(p *Peer) (*call.Subject, error) {
	d, err := a.local(p)
	if err != nil {
		return nil, err
	}
	s, err := a.subject(d, model.Ref{Type: "Session", ID: "peer:" + text(p.UID)}, p.String(), amrHost)
	if err != nil {
		return nil, err
	}
	if d.TwoFactors && !p.Foreign {
		s.Principal.Auth.MFA = true
		s.Principal.Auth.AMR = append(s.Principal.Auth.AMR, amrMFA)
	}
	return s, nil
}

// local finds the one account of a process. The user's own goes before those of groups.
func (a *Accounts) local(p *Peer) (*Definition, error) {
	if p.UID == overflowID {
		return nil, fmt.Errorf("the process %d has no user that this machine knows (uid %d): it is in a user namespace, or it is nobody", p.PID, p.UID)
	}
	who, err := a.users.User(p.UID)
	if err != nil {
		return nil, fmt.Errorf("look up uid %d of process %d: %w", p.UID, p.PID, err)
	}
	b := a.book.Load()
	own := slices.Clone(b.users[text(p.UID)])
	if _, isNumber := number(who.Name); who.Name != "" && !isNumber {
		own = append(own, b.users[who.Name]...)
	}
	own = slices.Compact(own)
	switch {
	case len(own) > 1:
		return nil, fmt.Errorf("%s has two accounts, %s by number and %s by name: an administrator takes one of them from guard.accounts",
			describe(p, who), own[0].Name, own[1].Name)
	case p.Foreign && (len(own) == 0 || !own[0].FromContainers):
		return nil, fmt.Errorf("%s is not taken for that user: %s, where anybody can have any number; an administrator who wants it "+
			"writes `users: [\"%d\"]` with `from_containers: true` to an account below guard.accounts", describe(p, who), p.Why, p.UID)
	case len(own) == 1:
		return own[0], nil
	}
	return a.byGroups(p, who)
}

// byGroups makes an account of what the user's groups give. Several must be of one tenant, and give what each gives.
func (a *Accounts) byGroups(p *Peer, who OSUser) (*Definition, error) {
	groups, err := a.groupsOf(p, who)
	if err != nil {
		return nil, err
	}
	b := a.book.Load()
	var of []*Definition
	var names []string
	for _, g := range groups {
		names = append(names, g.name+"("+text(g.id)+")")
		of = append(of, b.groups[text(g.id)]...)
		if _, isNumber := number(g.name); g.name != "" && !isNumber {
			of = append(of, b.groups[g.name]...)
		}
	}
	if len(of) == 0 {
		name := who.Name
		if name == "" {
			name = text(p.UID)
		}
		return nil, fmt.Errorf("%s, groups %s: no account has this user or one of these groups; %s",
			describe(p, who), strings.Join(names[:min(len(names), 32)], " "), remedy(fmt.Sprintf("`users: [%q]`", name)))
	}
	return merged(p, who, of)
}

func merged(p *Peer, who OSUser, of []*Definition) (*Definition, error) {
	name := who.Name
	if name == "" {
		name = text(p.UID)
	}
	d := &Definition{ID: "os:" + name, Name: name, Tenant: of[0].Tenant, TwoFactors: true}
	for _, o := range of {
		if o.Tenant != d.Tenant {
			return nil, fmt.Errorf("%s is in groups of two tenants, %s by the account %s and %s by %s: an administrator says by `users` which account is meant",
				describe(p, who), d.Tenant, of[0].Name, o.Tenant, o.Name)
		}
		d.Roles = add(d.Roles, o.Roles)
		d.Groups = add(d.Groups, o.Groups)
		d.Hosts = add(d.Hosts, o.Hosts)
		d.TwoFactors = d.TwoFactors && o.TwoFactors
	}
	return d, nil
}

func add(to, more []string) []string {
	for _, m := range more {
		if !slices.Contains(to, m) {
			to = append(to, m)
		}
	}
	return to
}

// group is a group of the machine.
type group struct {
	id   uint32
	name string
}

// groupsOf are the groups of a user. What the machine's files say counts for the users and groups that are in them, so that taking somebody
// out of a group does not wait for the end of a login; for users and groups of a directory elsewhere it is what the kernel says of the process.
func (a *Accounts) groupsOf(p *Peer, who OSUser) ([]group, error) {
	var out []group
	for _, g := range slices.Concat(who.Groups, []uint32{p.GID}, p.Groups) {
		if g == overflowID || slices.ContainsFunc(out, func(o group) bool { return o.id == g }) {
			continue
		}
		name, err := a.users.Group(g)
		if err != nil {
			return nil, fmt.Errorf("look up group %d of process %d: %w", g, p.PID, err)
		}
		if who.Name == "" || name == "" || slices.Contains(who.Groups, g) {
			out = append(out, group{g, name})
		}
	}
	return out, nil
}

func describe(p *Peer, who OSUser) string {
	name := ""
	if who.Name != "" {
		name = " (" + who.Name + ")"
	}
	return fmt.Sprintf("uid %d%s of process %d", p.UID, name, p.PID)
}

func text(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// errNoToken is for headers that are no bearer token.
var errNoToken = errors.New("the header Authorization has no bearer token")
