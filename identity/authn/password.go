package authn

import (
	"context"
	"errors"
	"runtime"
	"strings"

	"github.com/alexedwards/argon2id"

	"github.com/bulkhead-security/bulkhead/model"
)

// shortMark is put among the parameters of a hash (the "data" of PHC strings: base64 of "short") whose password is too short
// to stand alone, so that the last second factor can't be taken away from it.
const shortMark = ",data=c2hvcnQ"

// mostWaiting bounds how many sign-ins wait for a hash at once; more are turned away at the door.
const mostWaiting = 256

// hasher computes argon2id for a bounded number of callers at once: each takes the parameters' memory (64 MiB), and as many
// run as there are cores, four at most.
type hasher struct {
	params  argon2id.Params
	running chan struct{}
	waiting chan struct{}
	dummy   string // of no password; compared with where there is no account, so that time does not tell
}

func newHasher(params *argon2id.Params) (*hasher, error) {
	if params == nil {
		params = &argon2id.Params{Memory: 64 << 10, Iterations: 3, Parallelism: 4, SaltLength: 16, KeyLength: 32}
	}
	h := &hasher{
		params:  *params,
		running: make(chan struct{}, min(4, runtime.NumCPU())),
		waiting: make(chan struct{}, mostWaiting),
	}
	dummy, err := argon2id.CreateHash(newSecret("none"), &h.params)
	h.dummy = dummy
	return h, err
}

// turn waits for a place. The caller gives it back with the function.
func (h *hasher) turn(ctx context.Context) (func(), error) {
	select {
	case h.waiting <- struct{}{}:
	default:
		return nil, fail(model.CodeUnavailable, "too many people sign in at once", "try again", nil)
	}
	defer func() { <-h.waiting }()
	select {
	case h.running <- struct{}{}:
		return func() { <-h.running }, nil
	case <-ctx.Done():
		return nil, fail(model.CodeUnavailable, "too many people sign in at once", "try again", ctx.Err())
	}
}

func (h *hasher) hash(ctx context.Context, password string, short bool) (string, error) {
	done, err := h.turn(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return h.make(password, short)
}

// make is for who has a turn.
func (h *hasher) make(password string, short bool) (string, error) {
	hash, err := argon2id.CreateHash(password, &h.params)
	if err != nil {
		return "", coded(err, "hashing the password")
	}
	if parts := strings.Split(hash, "$"); short && len(parts) == 6 {
		parts[3] += shortMark
		hash = strings.Join(parts, "$")
	}
	return hash, nil
}

// verify compares a password with a hash, or with nobody's where there is none. old says that the parameters were others than
// today's. It is for who has a turn.
func (h *hasher) verify(password, hash string) (match, old bool, err error) {
	known := hash != ""
	if !known {
		hash = h.dummy
	}
	match, params, err := argon2id.CheckHash(password, hash)
	if err != nil {
		return false, false, coded(errors.New("the stored hash is malformed"), "checking the password")
	}
	return match && known, *params != h.params, nil
}

func isShort(hash string) bool { return strings.Contains(hash, shortMark+"$") }

// preparePassword checks a password against the rules and keeps its hash. It hashes, so it belongs outside of transactions;
// the function that it gives keeps it.
func (s *Service) preparePassword(ctx context.Context, a *model.Account, password string, withFactor bool) (func(context.Context) error, error) {
	normal, err := s.rules.check(password, withFactor, a.Name, a.Tenant)
	if err != nil {
		return nil, err
	}
	hash, err := s.hasher.hash(ctx, normal, len([]rune(normal)) < lengthAlone)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		return s.store.SetPassword(ctx, &model.Password{User: a.ID, Hash: hash, Changed: s.now()})
	}, nil
}

// ChangePassword sets a new password for the caller, ends the other sessions and gives this one a new secret.
func (s *Service) ChangePassword(ctx context.Context, c Client, p model.Principal, old, password string) (*SignedIn, error) {
	account, factors, err := s.self(ctx, p)
	if err != nil {
		return nil, err
	}
	if hasStrong(factors) && !p.Auth.MFA {
		return nil, errShowFactor()
	}
	if err := s.oldPassword(ctx, account, old); err != nil {
		return nil, err
	}
	write, err := s.preparePassword(ctx, account, password, hasStrong(factors))
	if err != nil {
		return nil, err
	}
	return s.enter(ctx, c, entry{
		account: account, auth: p.Auth, replace: p.Credential.ID, silent: true,
		also: func(ctx context.Context) error {
			if err := write(ctx); err != nil {
				return err
			}
			return s.store.DeleteSessionsOf(ctx, account.ID, p.Credential.ID)
		},
	})
}

func (s *Service) oldPassword(ctx context.Context, a *model.Account, old string) error {
	done, err := s.hasher.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	key := passwordKey(a.Tenant, a.Name)
	if err := s.attempt(ctx, key); err != nil {
		return err
	}
	switch ok, err := s.passwordIs(ctx, a, old); {
	case err != nil:
		return err
	case !ok:
		return &model.Error{
			Code: model.CodeInvalid, Field: "old_password", Message: "the old password is wrong",
			Remedy: "an administrator can make a new enrolment link",
		}
	}
	return coded(s.store.ClearFailures(ctx, key), "counting failures")
}

// passwordIs compares, and brings the hash up to today's parameters where it matches. It is for who has the hasher's turn.
func (s *Service) passwordIs(ctx context.Context, a *model.Account, password string) (bool, error) {
	var hash string
	if a != nil {
		kept, err := s.store.Password(ctx, a.ID)
		if err != nil && !missing(err) {
			return false, coded(err, "reading the password")
		}
		if err == nil {
			hash = kept.Hash
		}
	}
	normal := normalise(password)
	match, old, err := s.hasher.verify(normal, hash)
	if err != nil || !match || !old {
		return match, err
	}
	fresh, err := s.hasher.make(normal, isShort(hash))
	if err != nil {
		return false, err
	}
	return true, coded(s.store.SetPassword(ctx, &model.Password{User: a.ID, Hash: fresh, Changed: s.now()}), "keeping the password")
}
