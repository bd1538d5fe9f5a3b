package state

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/model"
)

// Node is who this machine is in the fleet, as it joined.
type Node struct {
	Schema  string   `json:"schema"`
	ID      string   `json:"id"`
	Tenant  string   `json:"tenant"`
	Name    string   `json:"name"`
	Servers []string `json:"servers"` // https URLs
	// CA is the server's CA (PEM); empty trusts the system's.
	CA string `json:"ca,omitempty"`
	// Authority is the nodes' CA (PEM), PolicyKey the verifier key of documents.
	Authority string    `json:"authority"`
	PolicyKey string    `json:"policy_key"`
	Joined    time.Time `json:"joined"`
}

// ErrNotJoined says that this machine is no node yet.
var ErrNotJoined = errors.New("this machine has not joined a fleet")

const again = "restore it from a backup of this machine, or revoke the node, run `bulkhead agent leave`, and join again"

// identity is kept in memory, so that a disk that fails later does not cut the node off.
type identity struct {
	key         *ecdsa.PrivateKey
	certificate *tls.Certificate
}

// Key is the node's key; it is made when there is none and the machine has not joined.
func (d *Dir) Key() (*ecdsa.PrivateKey, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.key()
}

func (d *Dir) key() (*ecdsa.PrivateKey, error) {
	if d.cached.key != nil {
		return d.cached.key, nil
	}
	b, err := d.read(keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		if _, joined := d.read(nodeFile); joined == nil {
			return nil, d.damaged(keyFile, err, again)
		}
		return d.makeKey()
	}
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, d.damaged(keyFile, errors.New("it is no key in PEM"), again)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return nil, d.damaged(keyFile, errors.New("it is no ECDSA key on P-256"), again) // the library's message could have parts of it
	}
	d.cached.key = key
	return key, nil
}

func (d *Dir) makeKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the node's key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make the node's key: %w", err)
	}
	if err := d.write(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
		return nil, err
	}
	d.cached.key = key
	return key, nil
}

// Request is a certificate signing request for the node's key.
func (d *Dir) Request() ([]byte, error) {
	key, err := d.Key()
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate signing request: %w", err)
	}
	return der, nil
}

// Certificate is the newest certificate with the key.
func (d *Dir) Certificate() (*tls.Certificate, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cached.certificate != nil {
		return d.cached.certificate, nil
	}
	b, err := d.read(certificateFile)
	if err != nil {
		return nil, missing(d.path, err)
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, d.damaged(certificateFile, errors.New("it is no certificate in PEM"), again)
	}
	return d.pair(block.Bytes)
}

// pair puts certificate and key together, where they belong to each other.
func (d *Dir) pair(der []byte) (*tls.Certificate, error) {
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, d.damaged(certificateFile, err, again)
	}
	key, err := d.key()
	if err != nil {
		return nil, err
	}
	if !key.PublicKey.Equal(leaf.PublicKey) {
		return nil, d.damaged(certificateFile, errors.New("it is not of this node's key"), again)
	}
	d.cached.certificate = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	return d.cached.certificate, nil
}

// SaveCertificate keeps a new certificate of the node's key.
func (d *Dir) SaveCertificate(der []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.cached.certificate
	if _, err := d.pair(der); err != nil {
		return err
	}
	if err := d.write(certificateFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})); err != nil {
		d.cached.certificate = before
		return err
	}
	return nil
}

// Join keeps who the node is now. Only when this is written has the machine joined.
func (d *Dir) Join(n Node, certificate []byte) error {
	if n.ID == "" || n.Tenant == "" || len(n.Servers) == 0 {
		return errors.New("a node needs an id, a tenant and a server")
	}
	if _, err := note.NewVerifier(n.PolicyKey); err != nil {
		return fmt.Errorf("the server's key of policies: %w", err)
	}
	if err := d.SaveCertificate(certificate); err != nil {
		return err
	}
	return d.SaveNode(n)
}

// SaveNode keeps what is known of the node, e.g. with other servers.
func (d *Dir) SaveNode(n Node) error {
	n.Schema = nodeSchema
	b, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return fmt.Errorf("write the node: %w", err)
	}
	return d.write(nodeFile, b)
}

// Node is how the machine joined; ErrNotJoined where it did not.
func (d *Dir) Node() (*Node, error) {
	b, err := d.read(nodeFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotJoined
	}
	if err != nil {
		return nil, missing(d.path, err)
	}
	var n Node
	if err := json.Unmarshal(b, &n); err != nil {
		return nil, d.damaged(nodeFile, err, again)
	}
	if n.Schema != nodeSchema || n.ID == "" || n.Tenant == "" || len(n.Servers) == 0 {
		return nil, d.damaged(nodeFile, errors.New("it lacks schema, id, tenant or servers"), again)
	}
	if _, err := note.NewVerifier(n.PolicyKey); err != nil {
		return nil, d.damaged(nodeFile, err, again)
	}
	return &n, nil
}

// Verifier verifies documents.
func (n *Node) Verifier() (note.Verifier, error) { return note.NewVerifier(n.PolicyKey) }

// Roots vouch for the servers; nil for the system's.
func (n *Node) Roots() (*x509.CertPool, error) {
	if n.CA == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(n.CA)) {
		return nil, &model.Error{Code: model.CodeInvalid, Message: "the server's CA that was kept is no certificate", Remedy: again}
	}
	return pool, nil
}

// LogSigner signs the node's audit log; its key is made once. Origin is the log's name.
func (d *Dir) LogSigner(origin string) (note.Signer, string, error) {
	b, err := d.read(logKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		b, err = d.makeLogKey(origin)
	}
	if err != nil {
		return nil, "", err
	}
	private, public, ok := strings.Cut(strings.TrimSpace(string(b)), "\n")
	signer, serr := note.NewSigner(private)
	if !ok || serr != nil || signer.Name() != origin {
		return nil, "", d.damaged(logKeyFile, errors.New("it is no key of this node's log"), again)
	}
	if v, err := note.NewVerifier(public); err != nil || v.KeyHash() != signer.KeyHash() {
		return nil, "", d.damaged(logKeyFile, errors.New("its halves are not of each other"), again)
	}
	return signer, public, nil
}

func (d *Dir) makeLogKey(origin string) ([]byte, error) {
	private, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return nil, fmt.Errorf("make the log's key: %w", err)
	}
	b := []byte(private + "\n" + public + "\n")
	return b, d.write(logKeyFile, b)
}
