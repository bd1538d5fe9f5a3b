package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/zalando/go-keyring"
)

// maxCredentials bounds the file of credentials, and any file with one secret.
const maxCredentials = 1 << 20

// keyringService names the product's entries in a keyring.
const keyringService = "bulkhead"

// credentials are the sessions that `bulkhead login` and `enrol` keep.
type credentials struct {
	Current string              `json:"current"` // address of the last login
	Servers map[string]*session `json:"servers"`
}

// session is what is kept of one control plane.
type session struct {
	CA     string `json:"ca,omitempty"`     // PEM
	Secret string `json:"secret,omitempty"` // empty where the keyring has it, or after logout
	// Keyring says that the keyring has the secret.
	Keyring bool   `json:"keyring,omitempty"`
	Name    string `json:"name,omitempty"`
	Tenant  string `json:"tenant,omitempty"`
}

// credentialsPath is $XDG_CONFIG_HOME/bulkhead/credentials.json.
func (a *App) credentialsPath() (string, error) {
	dir := a.environ("XDG_CONFIG_HOME")
	if dir == "" {
		home := a.environ("HOME")
		if home == "" {
			return "", errors.New("neither XDG_CONFIG_HOME nor HOME is set, so there is no place for credentials")
		}
		dir = filepath.Join(home, ".config")
	}
	if !filepath.IsAbs(dir) {
		return "", fmt.Errorf("XDG_CONFIG_HOME is %q; it must be an absolute path", dir)
	}
	return filepath.Join(dir, "bulkhead", "credentials.json"), nil
}

// credentials reads what is kept; a missing file is an empty one. A file that others can read is refused: its secret may
// be known.
func (a *App) credentials() (*credentials, error) {
	none := &credentials{Servers: map[string]*session{}}
	path, err := a.credentialsPath()
	if err != nil {
		return none, nil // nothing can be kept there, so nothing is
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return none, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the credentials: %w", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the credentials: %w", err)
	}
	if fi.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others (mode %04o), so the session in it may be known to them\n  end that session on the account page, delete the file and sign in again; where nobody else uses this machine `chmod 600` is enough", path, fi.Mode().Perm())
	}
	c := &credentials{}
	if err := json.NewDecoder(io.LimitReader(f, maxCredentials)).Decode(c); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w\n  delete it and sign in again", path, err)
	}
	if c.Servers == nil {
		c.Servers = map[string]*session{}
	}
	return c, nil
}

// writeCredentials replaces the file as a whole: 0600 in a directory that only the owner can enter.
func (a *App) writeCredentials(c *credentials) error {
	path, err := a.credentialsPath()
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep the credentials: %w", err)
	}
	// The directory may be older than the first login; from here on it holds a secret.
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a directory
		return fmt.Errorf("keep the credentials: %w", err)
	}
	return toFile(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(c)
	})
}

// keepSession keeps a new sign-in and makes its control plane the current one.
func (a *App) keepSession(url string, s session) error {
	c, err := a.credentials()
	if err != nil {
		return err
	}
	if a.cfg.Client.Keyring && s.Secret != "" {
		if err := keyring.Set(keyringService, url, s.Secret); err != nil {
			return fmt.Errorf("keep the session in the keyring: %w\n  without a keyring set client.keyring to false", err)
		}
		s.Secret, s.Keyring = "", true
	}
	c.Current, c.Servers[url] = url, &s
	return a.writeCredentials(c)
}

// keepSecret replaces the secret of a kept session.
func (a *App) keepSecret(url, secret string) error {
	c, err := a.credentials()
	if err != nil {
		return err
	}
	s := c.Servers[url]
	if s == nil {
		s = &session{}
		c.Servers[url] = s
	}
	if s.Keyring {
		if err := keyring.Set(keyringService, url, secret); err != nil {
			return fmt.Errorf("keep the session in the keyring: %w", err)
		}
		return nil
	}
	s.Secret = secret
	return a.writeCredentials(c)
}

// forgetSecret removes a session's secret and leaves the CA.
func (a *App) forgetSecret(url string) error {
	c, err := a.credentials()
	if err != nil {
		return err
	}
	s := c.Servers[url]
	if s == nil {
		return nil
	}
	if s.Keyring {
		if err := keyring.Delete(keyringService, url); err != nil && !errors.Is(err, keyring.ErrNotFound) {
			return fmt.Errorf("remove the session from the keyring: %w", err)
		}
	}
	s.Secret, s.Keyring, s.Name, s.Tenant = "", false, "", ""
	return a.writeCredentials(c)
}

// keptSecret is the secret of a kept session, "" for none.
func (a *App) keptSecret(url string, s *session) (string, error) {
	if !s.Keyring {
		return s.Secret, nil
	}
	secret, err := keyring.Get(keyringService, url)
	if errors.Is(err, keyring.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the session from the keyring: %w", err)
	}
	return secret, nil
}

// readSecret reads a file with one secret, which must not be readable by everybody.
func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	if fi.Mode().IsRegular() && fi.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("%s can be read by everybody (mode %04o), so it is no secret\n  replace the secret, and `chmod 600` the file", path, fi.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxCredentials))
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return s, nil
}
