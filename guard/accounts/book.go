package accounts

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// book is definitions by what their holders are recognised by. It is not changed once it is made.
type book struct {
	users, groups map[string][]*Definition // by name or number
	certificates  map[string]*Definition
	tokens        map[[8]byte][]*known // by the beginning of the digest
	oidc          []*trusted
	all           []*Definition
}

// known is a token whose digest is known.
type known struct {
	Token
	sum     [32]byte
	account *Definition
}

// trusted is an OIDC rule with its account.
type trusted struct {
	OIDC
	account *Definition
}

// newBook checks definitions, each alone and against each other.
func newBook(definitions []Definition) (*book, error) {
	if len(definitions) > mostAccounts {
		return nil, fmt.Errorf("guard.accounts has %d accounts; at most %d", len(definitions), mostAccounts)
	}
	b := &book{
		users: map[string][]*Definition{}, groups: map[string][]*Definition{}, certificates: map[string]*Definition{},
		tokens: map[[8]byte][]*known{},
	}
	ids := map[string]bool{}
	var errs []error
	for i := range definitions {
		d := definitions[i] // a copy: the caller's may change
		at := fmt.Sprintf("guard.accounts[%d]", i)
		if d.Name != "" {
			at += fmt.Sprintf(" (%.100s)", d.Name)
		}
		err := d.Check()
		if err == nil && ids[d.id()] {
			err = fmt.Errorf("another account has the id %q", d.id())
		}
		ids[d.id()] = true
		if err == nil {
			err = b.add(&d)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
		}
		if len(errs) == 10 { // enough to begin with
			break
		}
	}
	return b, errors.Join(errs...)
}

func (b *book) add(d *Definition) error {
	b.all = append(b.all, d)
	for _, u := range d.Users {
		if len(b.users[u]) > 0 {
			return fmt.Errorf("the user %s has another account, %s", u, b.users[u][0].Name)
		}
		b.users[u] = append(b.users[u], d)
	}
	for _, g := range d.OSGroups {
		b.groups[g] = append(b.groups[g], d)
	}
	for _, c := range d.Certificates {
		name, err := certificateName(c)
		if err != nil {
			return err
		}
		if other := b.certificates[name]; other != nil {
			return fmt.Errorf("the certificate %s has another account, %s", c, other.Name)
		}
		b.certificates[name] = d
	}
	for _, t := range d.Tokens {
		k := &known{Token: t, account: d}
		if _, err := hex.Decode(k.sum[:], []byte(strings.TrimPrefix(t.SHA256, "sha256:"))); err != nil {
			return fmt.Errorf("the digest of a token: %w", err)
		}
		if k.ID == "" {
			k.ID = t.SHA256[len(t.SHA256)-64:][:12]
		}
		for _, other := range b.tokens[[8]byte(k.sum[:8])] {
			if other.sum == k.sum {
				return fmt.Errorf("the token %s has another account, %s", k.ID, other.account.Name)
			}
		}
		b.tokens[[8]byte(k.sum[:8])] = append(b.tokens[[8]byte(k.sum[:8])], k)
	}
	for _, o := range d.OIDC {
		b.oidc = append(b.oidc, &trusted{OIDC: o, account: d})
	}
	return nil
}
