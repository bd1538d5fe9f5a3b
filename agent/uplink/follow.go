package uplink

import (
	"context"
	"errors"
	"fmt"
	"time"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

type stream struct {
	cancel context.CancelCauseFunc
	ended  chan struct{}
}

// Follow opens the stream and gives what it brings, until it ends. The error says why it did.
func (c *Client) Follow(ctx context.Context, r *bulkheadv1.FollowRequest, got func(*bulkheadv1.FollowResponse) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	mine := &stream{cancel: cancel, ended: make(chan struct{})}
	defer close(mine.ended)
	c.calls.RLock() // not while the certificate is renewed
	c.mu.Lock()
	if c.stream != nil {
		select {
		case <-c.stream.ended:
		default:
			c.mu.Unlock()
			c.calls.RUnlock()
			return errors.New("the stream is open already")
		}
	}
	c.stream = mine
	c.mu.Unlock()
	c.calls.RUnlock()

	at := c.at.Load()
	i := at % uint64(len(c.clients))
	err := c.follow(ctx, cancel, c.clients[i], r, got)
	if cause := context.Cause(ctx); cause != nil && (errors.Is(cause, errRenewing) || errors.Is(cause, errSilent)) {
		err = cause
	}
	if errors.Is(err, errRenewing) {
		return nil
	}
	err = c.explain(err, c.o.Servers[i])
	if ctx.Err() == nil && tryNext(err) || errors.Is(err, errSilent) {
		c.next(at)
	}
	return err
}

var errSilent = fmt.Errorf("the server opened the stream and said nothing for %s", firstLimit)

func (c *Client) follow(
	ctx context.Context, cancel context.CancelCauseFunc, s bulkheadv1connect.AgentServiceClient, r *bulkheadv1.FollowRequest,
	got func(*bulkheadv1.FollowResponse) error,
) error {
	first := time.AfterFunc(firstLimit, func() { cancel(errSilent) })
	defer first.Stop()
	in, err := s.Follow(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // why it ended is known
	for in.Receive() {
		first.Stop()
		if err := got(in.Msg()); err != nil {
			return &unusable{err}
		}
	}
	if err := in.Err(); err != nil {
		return err
	}
	return errEnded
}

var errEnded = errors.New("the server ended the stream")
