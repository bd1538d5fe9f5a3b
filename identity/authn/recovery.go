package authn

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// Recovery codes are look-up secrets of 125 random bits. From 112 bits on, NIST SP 800-63B-4 (section 3.1.2.2) asks for a
// one-way hash and no more: nobody can try 2^125 of them, so a slow hash would only cost us. The hashes are sealed besides.
const (
	recoveryCodes    = 10
	recoveryLength   = 25
	recoveryGroup    = 5
	recoveryAlphabet = "abcdefghjkmnpqrstuvwxyz234567890" // 32, without i, l, o and 1
)

type recoveryData struct {
	Hashes [][]byte `json:"hashes"`
}

// newRecoveryCode is five groups of five letters and digits that are not easily mistaken for each other.
func newRecoveryCode() string {
	b := make([]byte, recoveryLength)
	_, _ = rand.Read(b) // never fails since Go 1.24
	var out strings.Builder
	for i, v := range b {
		if i > 0 && i%recoveryGroup == 0 {
			out.WriteByte('-')
		}
		out.WriteByte(recoveryAlphabet[v&31])
	}
	return out.String()
}

func recoveryHash(code string) []byte {
	code = strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(code))
	sum := sha256.Sum256([]byte("bulkhead recovery code\x00" + code))
	return sum[:]
}

// ReplaceRecoveryCodes makes new codes; the old ones end.
func (s *Service) ReplaceRecoveryCodes(ctx context.Context, p model.Principal) ([]string, error) {
	_, factors, err := s.self(ctx, p)
	if err != nil {
		return nil, err
	}
	if !hasStrong(factors) {
		return nil, fail(model.CodeFactorRequired, "recovery codes stand in for a second factor, and there is none", "register one first", nil)
	}
	if err := s.mayChange(p, factors); err != nil {
		return nil, err
	}
	if !s.fresh(p.Auth) {
		return nil, errStepUp()
	}
	var codes []string
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		codes, err = s.replaceCodes(ctx, p.ID, factors)
		return err
	})
	return codes, coded(err, "replacing the recovery codes")
}

func (s *Service) replaceCodes(ctx context.Context, user string, factors []model.Factor) ([]string, error) {
	for _, f := range factors {
		if f.Kind != model.FactorRecovery {
			continue
		}
		if err := s.store.DeleteFactor(ctx, f.ID); err != nil {
			return nil, err
		}
	}
	codes, data := make([]string, recoveryCodes), recoveryData{}
	for i := range codes {
		codes[i] = newRecoveryCode()
		data.Hashes = append(data.Hashes, recoveryHash(codes[i]))
	}
	f, err := s.newFactor(user, model.FactorRecovery, "Recovery codes", data)
	if err != nil {
		return nil, err
	}
	f.Counter = recoveryCodes
	return codes, s.store.CreateFactor(ctx, f)
}

// useRecovery takes a code out of those that are left.
func (s *Service) useRecovery(ctx context.Context, f *model.Factor, code string) (bool, error) {
	var data recoveryData
	if err := s.openFactor(f, &data); err != nil {
		return false, err
	}
	hash, at := recoveryHash(code), -1
	for i, kept := range data.Hashes {
		if subtle.ConstantTimeCompare(hash, kept) == 1 {
			at = i
		}
	}
	if at < 0 {
		return false, nil
	}
	data.Hashes = slices.Delete(data.Hashes, at, at+1)
	if err := s.sealFactor(f, data); err != nil {
		return false, err
	}
	was := f.Counter
	f.Counter, f.LastUsed = int64(len(data.Hashes)), s.now()
	return true, s.store.UpdateFactor(ctx, f, was)
}
