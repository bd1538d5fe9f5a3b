package sessions

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
)

const (
	mostRecipients = 16
	mostIdentities = 64 << 10 // bytes of a file
)

// ParseRecipients reads age public keys.
func ParseRecipients(keys []string) ([]age.Recipient, error) {
	if len(keys) == 0 {
		return nil, errors.New("recordings have no recipient, so nobody could read them: put the public key that `bulkhead guard keys new` prints into guard.sessions.recipients")
	}
	if len(keys) > mostRecipients {
		return nil, fmt.Errorf("recordings have %d recipients; %d is the most", len(keys), mostRecipients)
	}
	var to []age.Recipient
	hybrid := 0
	for _, k := range keys {
		if strings.HasPrefix(strings.ToUpper(k), "AGE-SECRET-KEY-") {
			return nil, errors.New("a recipient of recordings is a private key: the host needs the public one only (age1…). Make a new pair: this one was on the host")
		}
		found, err := age.ParseRecipients(strings.NewReader(k))
		if err != nil || len(found) != 1 {
			return nil, fmt.Errorf("%.80q is no age public key (age1…); `bulkhead guard keys new` makes one", k)
		}
		if _, ok := found[0].(*age.HybridRecipient); ok {
			hybrid++
		}
		to = append(to, found[0])
	}
	if hybrid != 0 && hybrid != len(to) {
		return nil, errors.New("some recipients of recordings are post-quantum keys (age1pq1…) and some are not; age allows one kind in a file")
	}
	return to, nil
}

// Identities reads a file of age private keys.
func Identities(path string) ([]age.Identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the age identity: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, mostIdentities+1))
	if err != nil {
		return nil, fmt.Errorf("the age identity: %w", err)
	}
	if len(b) > mostIdentities {
		return nil, fmt.Errorf("the age identity: %s is larger than %d KiB, so it is no file of keys", path, mostIdentities>>10)
	}
	ids, err := age.ParseIdentities(bytes.NewReader(b))
	if err != nil {
		// The library's error may quote the key.
		return nil, fmt.Errorf("the age identity: %s has no age private keys (lines AGE-SECRET-KEY-1…), as `bulkhead guard keys new` writes them", path)
	}
	return ids, nil
}

// NewIdentity makes a pair of keys: the text of the file for who reads recordings, and the recipient for the hosts.
func NewIdentity(comment string) (file, recipient string, err error) {
	k, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", fmt.Errorf("make an age identity: %w", err)
	}
	recipient = k.Recipient().String()
	return fmt.Sprintf("# %s\n# public key: %s\n%s\n", comment, recipient, k), recipient, nil
}
