package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// browser has a person decide in a browser, of this machine or another, by the device flow.
type browser struct {
	auth bulkheadv1connect.AuthServiceClient
	url  string
	out  io.Writer
	unit time.Duration // a second, but for tests
}

func (a *App) browser(h *caller) *browser {
	return &browser{auth: bulkheadv1connect.NewAuthServiceClient(h, h.url), url: h.url, out: a.Err, unit: a.second()}
}

// loginDevice signs in by the device flow.
func (a *App) loginDevice(ctx context.Context, h *caller, ca string) error {
	res, err := a.browser(h).decide(ctx, false)
	if err != nil {
		return err
	}
	return a.keepSignIn(h, h.url, ca, &bulkheadv1.SignInResponse{Secret: res.GetSecret(), Caller: res.GetCaller()})
}

// decide shows address and code, and waits for the decision. With stepUp it is about the session that there is.
func (b *browser) decide(ctx context.Context, stepUp bool) (*bulkheadv1.PollDeviceResponse, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	d, err := b.auth.StartDevice(ctx, &bulkheadv1.StartDeviceRequest{Client: cut("bulkhead on "+host, 100), StepUp: stepUp})
	if err != nil {
		return nil, remoteError(err)
	}
	what := "approve"
	if stepUp {
		what = "show your second factor for"
	}
	fmt.Fprintf(b.out, "Open %s\nand %s the code %s there. Waiting …\n", b.url+plain(d.GetVerificationPath()), what, plain(d.GetUserCode()))
	wait := time.Duration(max(d.GetInterval(), 1)) * b.unit
	ctx, cancel := context.WithDeadline(ctx, deadline(d))
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return nil, errNo{"the code was not approved in time\n  start again"}
		case <-time.After(wait):
		}
		res, err := b.auth.PollDevice(ctx, &bulkheadv1.PollDeviceRequest{DeviceCode: d.GetDeviceCode()})
		switch {
		case model.CodeOf(remoteError(err)) == model.CodeTooMany: // RFC 8628 slow_down
			wait += 5 * b.unit
		case err != nil:
			return nil, remoteError(err)
		case !res.GetPending():
			return res, nil
		}
	}
}

// deadline is when a device's code ends, at most an hour from now.
func deadline(d *bulkheadv1.StartDeviceResponse) time.Time {
	most := time.Now().Add(time.Hour)
	if e := d.GetExpires(); e != nil && e.AsTime().Before(most) {
		return e.AsTime()
	}
	return most
}
