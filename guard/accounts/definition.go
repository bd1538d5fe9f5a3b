package accounts

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Definition is an account with the ways in which its holder is recognised.
type Definition struct {
	// ID is what owns containers and stands in records; empty means Name. It is the account's id in the control plane where there is one.
	ID, Name, Tenant     string
	Roles, Groups, Hosts []string
	// Users are names or numbers of the machine's users. OSGroups are groups of the machine, by name or number: everybody in one is an account
	// of his own, "os:" and the user's name, with this tenant and these roles, groups and hosts.
	Users, OSGroups []string
	// FromContainers lets Users be processes in containers too (in another process namespace), whose numbers anybody may choose who
	// starts containers.
	FromContainers bool
	// Certificates are "uri:…", "dns:…", "email:…" (alternative names), "cn:…" (common name), or "sha256:…" (digest of the public key).
	Certificates []string
	Tokens       []Token
	OIDC         []OIDC
	// TwoFactors says that whoever signs in to this machine shows two factors there.
	TwoFactors bool
	// Refused is why whoever is recognised as this account is nobody here all the same; empty where it counts.
	Refused string
}

// Token is a bearer token of which only the digest is known.
type Token struct {
	ID      string    // what it is called in records
	SHA256  string    // in hexadecimal digits
	Expires time.Time // it is good before that
	Scopes  []string  // actions and groups of actions; none means all
}

// OIDC recognises tokens of an OpenID Connect provider, e.g. of a CI system.
type OIDC struct {
	Issuer, Audience string
	CAFile           string // PEM, beside the system's
	// Claims must all be in the token with just these values; of a list, one of them.
	Claims map[string]string
	Scopes []string // as of Token
}

func (d *Definition) id() string {
	if d.ID != "" {
		return d.ID
	}
	return d.Name
}

// Limits of what a configuration may hold.
const (
	mostAccounts = 10_000
	mostEach     = 10_000 // entries of one list of an account
	mostText     = 512
)

var (
	goodName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$`)
	goodOS   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._@+\\-]{0,254}\$?$`)
	goodRole = []string{model.RoleAdministrator, model.RoleAuditor, model.RoleOperator, model.RoleOwner, model.RoleDeveloper}
)

// Check says what is wrong with a definition.
func (d *Definition) Check() error {
	for _, n := range []struct{ field, value string }{{"name", d.Name}, {"id", d.id()}, {"tenant", d.Tenant}} {
		if !goodName.MatchString(n.value) {
			return fmt.Errorf("%s is %.150q: it has letters, digits and . _ @ + -, at most 128, and begins with a letter or digit", n.field, n.value)
		}
	}
	for _, l := range []struct {
		field string
		list  []string
	}{
		{"roles", d.Roles}, {"groups", d.Groups}, {"hosts", d.Hosts}, {"users", d.Users}, {"os_groups", d.OSGroups}, {"certificates", d.Certificates},
	} {
		if err := checkList(l.field, l.list); err != nil {
			return err
		}
	}
	for _, r := range d.Roles {
		if !slices.Contains(goodRole, r) {
			return fmt.Errorf("roles has %q; there are %s", r, strings.Join(goodRole, ", "))
		}
	}
	if slices.Contains(d.Roles, model.RoleAdministrator) && d.Tenant != model.SystemTenant {
		return fmt.Errorf("the role %s counts in the tenant %q only, and this is %q", model.RoleAdministrator, model.SystemTenant, d.Tenant)
	}
	return errors.Join(d.checkOS(), d.checkTokens(), d.checkOIDC())
}

func checkList(field string, list []string) error {
	if len(list) > mostEach {
		return fmt.Errorf("%s has %d entries; at most %d", field, len(list), mostEach)
	}
	for i, v := range list {
		if v == "" || len(v) > mostText || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return fmt.Errorf("%s[%d] is empty, longer than %d bytes or has control characters", field, i, mostText)
		}
		if slices.Contains(list[:i], v) {
			return fmt.Errorf("%s has %q twice", field, v)
		}
	}
	return nil
}

// checkOS checks names and numbers of users and groups.
func (d *Definition) checkOS() error {
	for _, l := range []struct {
		field string
		list  []string
	}{{"users", d.Users}, {"os_groups", d.OSGroups}} {
		for _, v := range l.list {
			n, isNumber := number(v)
			switch {
			case isNumber && n == overflowID:
				return fmt.Errorf("%s has %d, which is what the kernel calls everybody that it has no number for", l.field, n)
			case !isNumber && !goodOS.MatchString(v), strings.Trim(v, "0123456789") == "" && !isNumber:
				return fmt.Errorf("%s has %.100q, which is neither a name nor a number between 0 and %d", l.field, v, uint32(1<<32-2))
			}
		}
	}
	if d.FromContainers && len(d.Users) == 0 {
		return errors.New("from_containers is for accounts with users")
	}
	return nil
}

// number reads a uid or gid. The highest is none: it stands for "leave it".
func number(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n < 1<<32-1 && strconv.FormatUint(n, 10) == s
}

func (d *Definition) checkTokens() error {
	if len(d.Tokens) > mostEach {
		return fmt.Errorf("tokens has %d entries; at most %d", len(d.Tokens), mostEach)
	}
	for i, t := range d.Tokens {
		sum, err := hex.DecodeString(strings.TrimPrefix(t.SHA256, "sha256:"))
		switch {
		case err != nil || len(sum) != 32:
			return fmt.Errorf("tokens[%d].sha256 is no SHA-256 in 64 hexadecimal digits: `bulkhead guard token` makes a token and says its digest", i)
		case t.ID != "" && !goodName.MatchString(t.ID):
			return fmt.Errorf("tokens[%d].id is %.150q: it has letters, digits and . _ @ + -", i, t.ID)
		case t.Expires.IsZero():
			return fmt.Errorf("tokens[%d] has no expires: a token ends some day", i)
		}
		if err := checkList(fmt.Sprintf("tokens[%d].scopes", i), t.Scopes); err != nil {
			return err
		}
	}
	return nil
}

func (d *Definition) checkOIDC() error {
	if len(d.OIDC) > mostEach {
		return fmt.Errorf("oidc has %d entries; at most %d", len(d.OIDC), mostEach)
	}
	for i, o := range d.OIDC {
		u, err := url.Parse(o.Issuer)
		switch {
		case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
			return fmt.Errorf("oidc[%d].issuer is %.200q; it must be an https:// URL as it stands in the provider's tokens", i, o.Issuer)
		case o.Audience == "" || len(o.Audience) > mostText:
			return fmt.Errorf("oidc[%d] needs an audience: for whom the provider makes the tokens", i)
		case len(o.Claims) == 0 || len(o.Claims) > 32:
			return fmt.Errorf("oidc[%d] needs between 1 and 32 claims, e.g. sub: without one, everybody at the provider would be this account", i)
		}
		if err := checkList(fmt.Sprintf("oidc[%d].scopes", i), o.Scopes); err != nil {
			return err
		}
		for name, value := range o.Claims {
			if name == "" || value == "" || len(name) > mostText || len(value) > mostText {
				return fmt.Errorf("oidc[%d].claims has a name or value that is empty or too long", i)
			}
		}
	}
	return nil
}
