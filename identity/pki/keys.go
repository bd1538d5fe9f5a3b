// Package pki holds the installation's own keys and certificates: the master key, what is sealed with it, keys that sign,
// and the CA behind the server's certificate. It decides nothing about who may do what, and gives no private key to
// anything that is not in this process.
package pki

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/model"
)

// Store keeps sealed secrets that all replicas share. A name is given once.
type Store interface {
	Secret(ctx context.Context, name string) ([]byte, error)
	CreateSecret(ctx context.Context, name string, data []byte) error
}

const (
	sealVersion = 1
	// checkName is a value that only the right master key opens.
	checkName  = "master-key-check"
	checkValue = "this database belongs to the master key that opens this"
)

// Keys seals with the master key and gives the keys that are sealed with it.
type Keys struct {
	master []byte
	store  Store
}

// OpenKeys reads the master key, or makes it where neither the file nor anything that was sealed before exists. A file that
// others may read, and a key that is not the one of the store, are refused.
func OpenKeys(ctx context.Context, path string, store Store) (*Keys, error) {
	check, err := store.Secret(ctx, checkName)
	if err != nil && model.CodeOf(err) != model.CodeNotFound {
		return nil, fmt.Errorf("look for the master key's check value: %w", err)
	}
	known := err == nil
	master, err := readMaster(path)
	if errors.Is(err, os.ErrNotExist) {
		if known {
			return nil, fmt.Errorf("the database is sealed with a master key, and %s is not there: copy it from a backup or from another replica, or name its place with server.master_key_file", path)
		}
		master, err = makeMaster(path)
	}
	if err != nil {
		return nil, err
	}
	k := &Keys{master: master, store: store}
	if !known {
		if check, err = k.keep(ctx, checkName, checkName, []byte(checkValue)); err != nil {
			return nil, fmt.Errorf("keep the master key's check value: %w", err)
		}
	}
	if plain, err := k.Open(checkName, check); err != nil || string(plain) != checkValue {
		return nil, fmt.Errorf("the master key in %s is not the one of this database: every replica needs the same file; copy it from the replica that was started first", path)
	}
	return k, nil
}

// Seal encrypts for a purpose (AES-256-GCM under a key of the purpose's own, HKDF-SHA-256). The purpose is authenticated, so
// that what was sealed for one place can't be moved to another.
func (k *Keys) Seal(purpose string, plaintext []byte) ([]byte, error) {
	aead, err := k.aead(purpose)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 1, 1+len(plaintext)+aead.Overhead())
	out[0] = sealVersion
	return aead.Seal(out, nil, plaintext, []byte(purpose)), nil
}

// Open decrypts what Seal made for the same purpose.
func (k *Keys) Open(purpose string, sealed []byte) ([]byte, error) {
	aead, err := k.aead(purpose)
	if err != nil {
		return nil, err
	}
	if len(sealed) < 1+aead.Overhead() || sealed[0] != sealVersion {
		return nil, errors.New("sealed data is damaged or of another version")
	}
	plain, err := aead.Open(nil, nil, sealed[1:], []byte(purpose))
	if err != nil {
		return nil, errors.New("sealed data can't be opened: it was changed, or sealed with another key or for another purpose")
	}
	return plain, nil
}

func (k *Keys) aead(purpose string) (cipher.AEAD, error) {
	if purpose == "" {
		return nil, errors.New("a seal needs a purpose")
	}
	key, err := hkdf.Key(sha256.New, k.master, nil, "bulkhead seal v1: "+purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return aead, nil
}

// keep seals and stores under a name, and gives what is stored there now: of several replicas that start at once one wins.
func (k *Keys) keep(ctx context.Context, name, purpose string, plain []byte) ([]byte, error) {
	sealed, err := k.Seal(purpose, plain)
	if err != nil {
		return nil, err
	}
	err = k.store.CreateSecret(ctx, name, sealed)
	if err == nil {
		return sealed, nil
	}
	if model.CodeOf(err) != model.CodeExists {
		return nil, err
	}
	return k.store.Secret(ctx, name)
}

// shared gives the secret of a name, opened; where there is none yet, it is made.
func (k *Keys) shared(ctx context.Context, name string, fresh func() ([]byte, error)) ([]byte, error) {
	sealed, err := k.store.Secret(ctx, name)
	if model.CodeOf(err) == model.CodeNotFound {
		plain, ferr := fresh()
		if ferr != nil {
			return nil, ferr
		}
		sealed, err = k.keep(ctx, name, name, plain)
	}
	if err != nil {
		return nil, fmt.Errorf("secret %q: %w", name, err)
	}
	plain, err := k.Open(name, sealed)
	if err != nil {
		return nil, fmt.Errorf("secret %q: %w", name, err)
	}
	return plain, nil
}

// SigningKey is the installation's Ed25519 key of a name. All replicas get the same.
func (k *Keys) SigningKey(ctx context.Context, name string) (ed25519.PrivateKey, error) {
	seed, err := k.shared(ctx, "signing-key/"+name, func() ([]byte, error) {
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			return nil, fmt.Errorf("make a signing key: %w", err)
		}
		return key.Seed(), nil
	})
	if err != nil {
		return nil, err
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("signing key %q has %d bytes, not %d", name, len(seed), ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// NoteSigner signs notes (the form of checkpoints) under origin with the signing key of the name. The verifier key is what
// others need to verify them.
func (k *Keys) NoteSigner(ctx context.Context, name, origin string) (signer note.Signer, verifierKey string, err error) {
	key, err := k.SigningKey(ctx, name)
	if err != nil {
		return nil, "", err
	}
	pub, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, "", errors.New("a signing key has no public key")
	}
	verifierKey, err = note.NewEd25519VerifierKey(origin, pub)
	if err != nil {
		return nil, "", fmt.Errorf("verifier key of %s: %w", origin, err)
	}
	// note reads keys in its text form only: name+hash+key, of which the hash is that of the public key.
	hash := strings.Split(verifierKey, "+")
	if len(hash) < 3 || strings.ContainsAny(origin, "+ \t\n") {
		return nil, "", fmt.Errorf("%q can't be the name of a log: it must have neither spaces nor +", origin)
	}
	const algEd25519 = 1
	private := base64.StdEncoding.EncodeToString(append([]byte{algEd25519}, key.Seed()...))
	signer, err = note.NewSigner("PRIVATE+KEY+" + origin + "+" + hash[1] + "+" + private)
	if err != nil {
		return nil, "", fmt.Errorf("signer of %s: %w", origin, err)
	}
	return signer, verifierKey, nil
}
