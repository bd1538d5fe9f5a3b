package agent

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/agent/state"
	"github.com/bulkhead-security/bulkhead/agent/uplink"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// JoinOptions say where a machine joins, and as what.
type JoinOptions struct {
	Dir *state.Dir
	// Link is https://HOST:PORT#ca=sha256:HEX; Servers are other addresses of the same control plane.
	Link    string
	Servers []string
	// CA is the server's CA (PEM). Without it and without a fingerprint in the link, the system's CAs count.
	CA string
	// Beside is for the agent in the server's own process.
	Beside  *uplink.Beside
	Token   string
	Name    string // empty takes the machine's
	Machine string // salted digest of the machine id
	Version string
	// Addresses are the machine's; nil looks for them.
	Addresses []netip.Addr
	Now       func() time.Time
}

// Join makes the machine a node: a key that stays here, and a certificate for it. Nothing is sent before the server showed that it is
// the one that is meant.
func Join(ctx context.Context, o JoinOptions) (*state.Node, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Addresses == nil {
		o.Addresses = Addresses()
	}
	server, pin, err := uplink.ParseLink(o.Link)
	if err != nil {
		return nil, err
	}
	n := state.Node{Name: o.Name, CA: o.CA, Servers: []string{server}, Joined: o.Now().UTC().Truncate(time.Second)}
	for _, s := range o.Servers {
		if !slices.Contains(n.Servers, strings.TrimRight(s, "/")) {
			n.Servers = append(n.Servers, strings.TrimRight(s, "/"))
		}
	}
	if n.Name == "" {
		if n.Name, err = os.Hostname(); err != nil {
			return nil, fmt.Errorf("name of this machine: %w; give one with --name", err)
		}
	}
	if pin != "" {
		if n.CA, err = uplink.Trust(ctx, server, pin, o.Now); err != nil {
			return nil, err
		}
	}
	roots, err := n.Roots()
	if err != nil {
		return nil, err
	}
	return join(ctx, o, n, roots)
}

func join(ctx context.Context, o JoinOptions, n state.Node, roots *x509.CertPool) (*state.Node, error) {
	request, err := o.Dir.Request()
	if err != nil {
		return nil, err
	}
	c, err := uplink.New(uplink.Options{Servers: n.Servers, Roots: roots, Beside: o.Beside, Version: o.Version, Now: o.Now})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	r := &bulkheadv1.JoinRequest{Token: o.Token, Csr: request, Name: n.Name, Machine: o.Machine, Version: clip(o.Version, 100)}
	for _, ip := range o.Addresses {
		r.Addresses = append(r.Addresses, ip.String())
	}
	res, err := c.Join(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("join: %w", err)
	}
	n.ID, n.Tenant, n.PolicyKey = res.GetNode(), res.GetTenant(), res.GetPolicyKey()
	n.Authority = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: res.GetAuthority()}))
	if err := o.Dir.Join(n, res.GetCertificate()); err != nil {
		return nil, fmt.Errorf("join: %w", err)
	}
	return &n, nil
}
