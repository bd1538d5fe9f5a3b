package pki

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// look is how often files and life are checked, also when the file system tells of no change (NFS).
	look = time.Minute
	// settle is how long a change of files may take: certificate and key are seldom replaced at once.
	settle  = 500 * time.Millisecond
	maxFile = 1 << 20
)

// CertificateOptions say whose certificate it is.
type CertificateOptions struct {
	// Public is the host of the public URL; Hosts are other names and addresses that the server is reached by. localhost,
	// 127.0.0.1 and ::1 come by themselves.
	Public string
	Hosts  []string
	// Cert and Key are PEM files; empty means a certificate of the own CA.
	Cert, Key string
	Log       *slog.Logger     // nil means none
	Clock     func() time.Time // nil means time.Now
}

// Certificates gives the server's certificate as it is now. It is renewed, or read again, without a restart.
type Certificates struct {
	o       CertificateOptions
	ca      *authority // nil with files
	hosts   []string
	current atomic.Pointer[tls.Certificate]
	// seen and refused are digests of files that were taken, and that were not.
	seen, refused [sha256.Size]byte
}

// Certificates makes or reads the server's certificate. Run keeps it fresh.
func (k *Keys) Certificates(ctx context.Context, o CertificateOptions) (*Certificates, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Certificates{o: o}
	if o.Cert != "" {
		_, err := c.reload()
		return c, err
	}
	if o.Public == "" {
		return nil, errors.New("a certificate needs the public host")
	}
	o.Public = strings.ToLower(o.Public)
	ca, err := k.authority(ctx, o.Public, o.Clock())
	if err != nil {
		return nil, err
	}
	c.ca = ca
	for _, h := range append([]string{o.Public, "localhost", "127.0.0.1", "::1"}, o.Hosts...) {
		switch h = strings.ToLower(h); {
		case slices.Contains(c.hosts, h):
		case ca.permits(h):
			c.hosts = append(c.hosts, h)
		default:
			o.Log.Warn("the own CA vouches for the public URL's host and private addresses only; this name is left out of the certificate", "host", h)
		}
	}
	return c, c.renew()
}

// GetCertificate is for tls.Config.
func (c *Certificates) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}

// CAFingerprint is "sha256:HEX" of the own CA's certificate, "" where the certificate was given.
func (c *Certificates) CAFingerprint() string {
	if c.ca == nil {
		return ""
	}
	return fingerprint(c.ca.cert)
}

// CAPEM is the own CA's certificate; nil where the certificate was given.
func (c *Certificates) CAPEM() []byte {
	if c.ca == nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.ca.cert.Raw})
}

// Run renews a certificate of the own CA after two thirds of its life, and reads given files again when they change, until
// ctx ends. What goes wrong is logged, and the certificate that works stays.
func (c *Certificates) Run(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	changed, stop := c.watch()
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-changed:
			select { // the other file may come in a moment
			case <-ctx.Done():
				return nil
			case <-time.After(settle):
			}
		}
		c.Refresh()
	}
}

// Refresh does once what Run does all the time.
func (c *Certificates) Refresh() {
	if c.ca != nil {
		if leaf := c.current.Load().Leaf; !c.o.Clock().Before(leaf.NotAfter.Add(-leafLife / 3)) {
			if err := c.renew(); err != nil {
				c.o.Log.Error("the server's certificate was not renewed", "error", err, "ends", leaf.NotAfter)
			}
		}
		return
	}
	changed, err := c.reload()
	switch {
	case err != nil:
		c.o.Log.Error("the new certificate is not used, the old one stays", "error", err, "ends", c.current.Load().Leaf.NotAfter)
	case changed:
		c.o.Log.Info("certificate read again", "ends", c.current.Load().Leaf.NotAfter)
	}
}

func (c *Certificates) renew() error {
	leaf, err := c.ca.issue(c.hosts, c.o.Clock())
	if err != nil {
		return err
	}
	c.current.Store(leaf)
	c.o.Log.Info("certificate of the own CA", "hosts", c.hosts, "ends", leaf.Leaf.NotAfter)
	return nil
}

// reload reads the files and takes them when they have changed and are good.
func (c *Certificates) reload() (changed bool, err error) {
	cert, err := readLimited(c.o.Cert)
	if err != nil {
		return false, fmt.Errorf("read the certificate: %w", err)
	}
	key, err := readLimited(c.o.Key)
	if err != nil {
		return false, fmt.Errorf("read the certificate's key: %w", err)
	}
	sum := sha256.Sum256(bytes.Join([][]byte{cert, key}, []byte{0}))
	if sum == c.seen || sum == c.refused {
		return false, nil
	}
	c.refused = sum
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		// The library's message names the kind of block, not its content.
		return false, fmt.Errorf("certificate %s with key %s: %w", c.o.Cert, c.o.Key, err)
	}
	now := c.o.Clock()
	if now.After(pair.Leaf.NotAfter) {
		return false, fmt.Errorf("the certificate %s ended on %s", c.o.Cert, pair.Leaf.NotAfter.Format(time.RFC3339))
	}
	if c.o.Public != "" && pair.Leaf.VerifyHostname(c.o.Public) != nil {
		c.o.Log.Warn("the certificate is not for the public URL's host", "host", c.o.Public, "file", c.o.Cert)
	}
	c.seen, c.refused = sum, [sha256.Size]byte{}
	c.current.Store(&pair)
	return true, nil
}

// watch tells of changes in the files' directories: files are replaced by renaming, which a watch of the file itself misses.
func (c *Certificates) watch() (<-chan struct{}, func()) {
	if c.ca != nil {
		return nil, func() {}
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		c.o.Log.Warn("certificate files are only looked at every minute", "error", err)
		return nil, func() {}
	}
	for _, f := range []string{c.o.Cert, c.o.Key} {
		if err := w.Add(filepath.Dir(f)); err != nil {
			c.o.Log.Warn("certificate files are only looked at every minute", "error", err)
		}
	}
	changed := make(chan struct{}, 1)
	go func() {
		for {
			select {
			case _, ok := <-w.Events:
				if !ok {
					return
				}
			case _, ok := <-w.Errors: // an overflow: something has changed
				if !ok {
					return
				}
			}
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}()
	return changed, func() { _ = w.Close() }
}

func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return b, nil
}
