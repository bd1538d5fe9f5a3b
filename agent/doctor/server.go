package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bulkhead-security/bulkhead/agent/state"
	"github.com/bulkhead-security/bulkhead/agent/uplink"
	"github.com/bulkhead-security/bulkhead/model"
)

// Limits of what is asked of a server, and of how far its clock may be from ours.
const (
	serverLimit = 10 * time.Second
	skewLimit   = 30 * time.Second
)

// server looks whether each server is reached, trusted, and of the same time.
func (o *Options) server(ctx context.Context) []model.AgentPart {
	d, err := state.Look(o.Dir)
	if err != nil {
		return nil
	}
	n, err := d.Node()
	if err != nil {
		return nil // told already
	}
	roots, err := n.Roots()
	if err != nil {
		return []model.AgentPart{failed(model.AgentPart{Part: "server", Needs: "the server's CA", Needed: true}, err)}
	}
	var out []model.AgentPart
	for _, at := range n.Servers {
		h := &http.Client{
			Timeout:       serverLimit,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport:     &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, Time: o.Now}, DisableKeepAlives: true},
		}
		out = append(out, o.ask(ctx, h, at)...)
	}
	return out
}

func (o *Options) ask(ctx context.Context, h *http.Client, at string) []model.AgentPart {
	p := model.AgentPart{Part: "server", Needs: "reached over TLS 1.3, with a certificate of the CA that was kept", Needed: true}
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, at+"/", http.NoBody)
	if err != nil {
		return []model.AgentPart{failed(p, err)}
	}
	begin := o.Now()
	res, err := h.Do(r)
	if err != nil {
		return []model.AgentPart{failed(p, uplink.Explain(err, at, o.Now()))}
	}
	_ = res.Body.Close() // a HEAD has none
	p.Works, p.Detail = true, at
	clock := model.AgentPart{Part: "clock", Needs: fmt.Sprintf("less than %s from the server's", skewLimit), Needed: true}
	date, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return []model.AgentPart{p, failed(clock, errors.New("the server does not say its time"))}
	}
	skew := date.Sub(begin)
	clock.Works, clock.Detail = skew.Abs() <= skewLimit, fmt.Sprintf("the server's differs by %s", skew.Abs().Round(time.Second))
	if !clock.Works {
		clock.Remedy = "set the clock and keep it set: timedatectl set-ntp true"
	}
	return []model.AgentPart{p, clock}
}

func remedyOf(err error) string {
	var e *model.Error
	if errors.As(err, &e) {
		return e.Remedy
	}
	return ""
}
