package uplink

import (
	"context"
	"errors"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// Report tells what the node sees.
func (c *Client) Report(ctx context.Context, r *bulkheadv1.ReportRequest) (*bulkheadv1.ReportResponse, error) {
	return called(ctx, c, r, bulkheadv1connect.AgentServiceClient.Report)
}

// SendLog continues the server's copy of the node's audit log.
func (c *Client) SendLog(ctx context.Context, r *bulkheadv1.SendLogRequest) (*bulkheadv1.SendLogResponse, error) {
	return called(ctx, c, r, bulkheadv1connect.AgentServiceClient.SendLog)
}

// SendRecording brings the next part of a recording that was asked for.
func (c *Client) SendRecording(ctx context.Context, r *bulkheadv1.SendRecordingRequest) (*bulkheadv1.SendRecordingResponse, error) {
	return called(ctx, c, r, bulkheadv1connect.AgentServiceClient.SendRecording)
}

// called has a server answer a call, and not while the certificate is renewed.
func called[R, A any](
	ctx context.Context, c *Client, r *R, method func(bulkheadv1connect.AgentServiceClient, context.Context, *R) (*A, error),
) (a *A, err error) {
	c.calls.RLock()
	defer c.calls.RUnlock()
	err = c.each(ctx, func(ctx context.Context, s bulkheadv1connect.AgentServiceClient) error {
		a, err = method(s, ctx, r)
		return err
	})
	return a, err
}

var errRenewing = errors.New("the certificate is renewed")

// Renew asks for a new certificate and gives it to keep. No other call runs meanwhile, the open stream ends first, and what comes
// afterwards comes over a new connection, so that the server never sees the old certificate after the new one.
func (c *Client) Renew(ctx context.Context, request []byte, keep func(*bulkheadv1.RenewResponse) error) error {
	c.calls.Lock()
	defer c.calls.Unlock()
	c.mu.Lock()
	open := c.stream
	c.mu.Unlock()
	if open != nil {
		open.cancel(errRenewing)
		<-open.ended
	}
	return c.each(ctx, func(ctx context.Context, s bulkheadv1connect.AgentServiceClient) error {
		res, err := s.Renew(ctx, &bulkheadv1.RenewRequest{Csr: request})
		if err != nil {
			return err
		}
		if err := keep(res); err != nil {
			return &unusable{err}
		}
		c.transport.now.Swap(c.newTransport()).CloseIdleConnections()
		return nil
	})
}

// unusable is an answer that was understood and is not good: another server would give the same.
type unusable struct{ err error }

func (u *unusable) Error() string { return u.err.Error() }

func (u *unusable) Unwrap() error { return u.err }
