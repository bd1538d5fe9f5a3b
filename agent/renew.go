package agent

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-security/bulkhead/agent/uplink"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// How often it is looked whether the certificate is to be renewed, and how long to wait after a failure.
const (
	renewLook  = time.Minute
	renewLeast = 5 * time.Second
	renewMost  = 5 * time.Minute
)

// renewing renews the certificate from about half of its life on, and when the server asks for it.
func (a *Agent) renewing(ctx context.Context) error {
	wait := backoff{least: renewLeast, most: renewMost}
	asked := false
	for ctx.Err() == nil {
		pause := renewLook
		if asked || a.due() {
			if err := a.renewOnce(ctx); err != nil {
				if ctx.Err() != nil {
					break
				}
				pause = wait.next()
				a.slog.Warn("the certificate was not renewed; trying again", "in", pause.Round(time.Millisecond), "error", err)
			} else {
				asked = false
				wait.reset()
			}
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-a.renew:
			asked = true
		case <-ctx.Done():
		}
		t.Stop()
	}
	return ctx.Err()
}

// due says whether about half of the certificate's life is over: between 45 and 55 percent, by chance but the same for one
// certificate.
func (a *Agent) due() bool {
	c, err := a.p.Dir.Certificate()
	if err != nil {
		a.slog.Error("the node's certificate", "error", err)
		return false
	}
	return !a.serverNow().Before(renewAt(c.Leaf))
}

func renewAt(c *x509.Certificate) time.Time {
	life := c.NotAfter.Sub(c.NotBefore)
	share := 0
	if b := c.SerialNumber.Bytes(); len(b) > 0 {
		share = int(b[len(b)-1]) * 10 / 255
	}
	return c.NotBefore.Add(life * time.Duration(45+share) / 100)
}

func (a *Agent) renewOnce(ctx context.Context) error {
	request, err := a.p.Dir.Request()
	if err != nil {
		return err
	}
	authority, _ := pem.Decode([]byte(a.node.Authority))
	if authority == nil {
		return errors.New("the nodes' CA that was kept is no certificate")
	}
	var serial string
	begin := a.now()
	err = a.p.Server.Renew(ctx, request, func(res *bulkheadv1.RenewResponse) error {
		if err := uplink.Vouched(res.GetCertificate(), authority.Bytes, a.node.ID); err != nil {
			return err
		}
		if err := a.p.Dir.SaveCertificate(res.GetCertificate()); err != nil {
			return err
		}
		// Also where reports are refused because of the clock: by a wrong one the new certificate would be due at once, too.
		a.compareClocks(begin, a.now(), res.GetTime())
		c, err := a.p.Dir.Certificate()
		if err == nil {
			serial = c.Leaf.SerialNumber.Text(16)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("renew: %w", err)
	}
	a.slog.Info("certificate renewed", "serial", serial)
	a.record(ctx, model.Record{Action: "CertificateRenew", Outcome: model.OutcomeAllowed, Changes: map[string]string{"serial": serial}})
	a.soon() // so that the new one is used, and the old one is good no longer
	poke(a.fresh)
	poke(a.retry)
	return nil
}
