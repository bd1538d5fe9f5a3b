package accounts

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/model"
)

// amrKey says that the caller proved to have a key (RFC 8176).
const amrKey = "pop"

// byCertificate gives the account of a certificate that the listener verified.
func (a *Accounts) byCertificate(c *x509.Certificate, from string) (*call.Subject, error) {
	d, err := a.certified(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return a.subject(d, model.Ref{Type: "Certificate", ID: Fingerprint(c)}, address(from), amrKey)
}

// certified finds the one account of a certificate.
func (a *Accounts) certified(c *x509.Certificate) (*Definition, error) {
	if now := a.now(); now.Before(c.NotBefore) || !now.Before(c.NotAfter) { // the connection may be older than its end
		return nil, fmt.Errorf("the client certificate %s is good from %s to %s, and it is %s", title(c),
			c.NotBefore.UTC().Format(timeFormat), c.NotAfter.UTC().Format(timeFormat), now.UTC().Format(timeFormat))
	}
	b := a.book.Load()
	var found *Definition
	for _, name := range namesOf(c) {
		d := b.certificates[name]
		if d != nil && found != nil && d != found {
			return nil, fmt.Errorf("the client certificate %s has two accounts, %s and %s: an administrator takes one of them from guard.accounts",
				title(c), found.Name, d.Name)
		}
		if d != nil {
			found = d
		}
	}
	if found == nil {
		names := namesOf(c)
		return nil, fmt.Errorf("no account has the client certificate %s; %s", title(c), remedy(fmt.Sprintf("`certificates: [%q]`", names[len(names)-1])))
	}
	return found, nil
}

const timeFormat = "2006-01-02 15:04:05Z"

// Fingerprint is the SHA-256 of a certificate's public key, as accounts name it.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func title(c *x509.Certificate) string {
	return fmt.Sprintf("%.300q (%s)", c.Subject.String(), strings.Join(namesOf(c)[:min(len(namesOf(c)), 16)], ", "))
}

// namesOf are the names by which an account may know a certificate, the key first and the most telling last.
func namesOf(c *x509.Certificate) []string {
	names := []string{Fingerprint(c)}
	if c.Subject.CommonName != "" {
		names = append(names, "cn:"+c.Subject.CommonName)
	}
	for _, e := range c.EmailAddresses {
		names = append(names, "email:"+strings.ToLower(e))
	}
	for _, d := range c.DNSNames {
		names = append(names, "dns:"+strings.ToLower(d))
	}
	for _, u := range c.URIs {
		names = append(names, "uri:"+u.String())
	}
	return names
}

// certificateName brings a name from a configuration into the form of namesOf.
func certificateName(s string) (string, error) {
	kind, value, ok := strings.Cut(s, ":")
	if !ok || value == "" || !slices.Contains([]string{"uri", "dns", "email", "cn", "sha256"}, kind) {
		return "", fmt.Errorf("certificates has %.200q; it must be uri:…, dns:…, email:…, cn:… or sha256:…", s)
	}
	switch kind {
	case "sha256":
		value = strings.ToLower(strings.ReplaceAll(value, ":", ""))
		if b, err := hex.DecodeString(value); err != nil || len(b) != sha256.Size {
			return "", fmt.Errorf("certificates has %.200q, which is no SHA-256 of a public key in 64 hexadecimal digits", s)
		}
	case "dns", "email":
		value = strings.ToLower(value)
	}
	return kind + ":" + value, nil
}
