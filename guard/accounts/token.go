package accounts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/model"
)

// Parts of a token: a prefix by which scanners know what leaked, 256 random bits and a checksum, both in base64url.
const (
	tokenPrefix = "bhg_"
	bodyLength  = 43
	crcLength   = 6
	tokenLength = len(tokenPrefix) + bodyLength + crcLength
	mostBearer  = 16 << 10 // bytes of a header
)

// amrToken says that a bearer token was shown, and nothing else.
const amrToken = "token"

// NewToken makes a token. The secret is known to the caller alone.
func NewToken(id string, expires time.Time) (secret string, t Token) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails since Go 1.24
	secret = tokenPrefix + base64.RawURLEncoding.EncodeToString(b)
	secret += checksum(secret)
	sum := sha256.Sum256([]byte(secret))
	return secret, Token{ID: id, SHA256: hex.EncodeToString(sum[:]), Expires: expires}
}

func checksum(body string) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(body))))
}

// bearer is the token of a request; ok is false where it has none. What is there and is none is an error: who shows something wants it to count.
func bearer(h http.Header) (token string, ok bool, err error) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return "", false, nil
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > mostBearer || strings.ContainsAny(token, " \t,") {
		return "", false, errNoToken
	}
	return token, true, nil
}

// byToken gives the account of a bearer token. Whoever guesses has to wait.
func (a *Accounts) byToken(ctx context.Context, token, from, source string) (*call.Subject, error) {
	// One of the guard's own that is right is taken at once: nobody guesses 256 bits, and others' wrong ones must not cut who is at work.
	if s, err := a.token(ctx, token, from); err == nil && strings.Count(token, ".") != 2 {
		return s, nil
	}
	if wait := a.throttle.wait(source); wait > 0 {
		return nil, fmt.Errorf("there were too many wrong tokens from here (%s): try again in %s", source, wait.Round(time.Second)+time.Second)
	}
	s, err := a.token(ctx, token, from)
	var down *unavailableError
	switch {
	case err == nil:
		a.throttle.clear(source)
	case !errors.As(err, &down): // that a provider is down is not the caller's fault
		a.throttle.failed(source)
	}
	return s, err
}

func (a *Accounts) token(ctx context.Context, token, from string) (*call.Subject, error) {
	if strings.Count(token, ".") == 2 {
		return a.byOIDC(ctx, token, from)
	}
	if len(token) != tokenLength || !strings.HasPrefix(token, tokenPrefix) || checksum(token[:tokenLength-crcLength]) != token[tokenLength-crcLength:] {
		return nil, errors.New("the bearer token is neither one of `bulkhead guard token` nor an OIDC token, or it was not copied as a whole")
	}
	k := a.book.Load().known(sha256.Sum256([]byte(token)))
	if k == nil {
		return nil, fmt.Errorf("no account has the bearer token; %s", remedy("the digest that `bulkhead guard token` said"))
	}
	if !a.now().Before(k.Expires) {
		return nil, fmt.Errorf("the token %s of the account %s was good until %s: make another one with `bulkhead guard token`",
			k.ID, k.account.Name, k.Expires.UTC().Format(timeFormat))
	}
	s, err := a.subject(k.account, model.Ref{Type: "Token", ID: k.ID}, address(from), amrToken)
	if err != nil {
		return nil, err
	}
	return scoped(s, k.Scopes), nil
}

// scopeAll is the scope of a token that is narrowed to nothing.
const scopeAll = "*"

// scoped narrows a caller to the scopes of the token; none in the configuration means all that the account may.
func scoped(s *call.Subject, scopes []string) *call.Subject {
	if s.Principal.Scopes = slices.Clone(scopes); len(scopes) == 0 {
		s.Principal.Scopes = []string{scopeAll}
	}
	return s
}

// known finds a token by its digest. All that begin alike are compared to their ends.
func (b *book) known(sum [32]byte) *known {
	var found *known
	for _, k := range b.tokens[[8]byte(sum[:8])] {
		if subtle.ConstantTimeCompare(k.sum[:], sum[:]) == 1 {
			found = k
		}
	}
	return found
}

// address is what stands in records: an IP address without its port, or a process.
func address(from string) string {
	if ap, err := netip.ParseAddrPort(from); err == nil {
		return ap.Addr().Unmap().String()
	}
	return from
}
