package buildkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"

	"github.com/bulkhead-security/bulkhead/guard/solve"
)

// read takes the only message of a request, and writes it again. What may be read at a time is bound for all together, and for each account.
func (s *served) read(ctx context.Context, in grpc.ServerStream, q *asked) error {
	ctx, cancel := context.WithTimeout(ctx, s.room.readTime)
	defer cancel()
	var err error
	if q.share, err = s.room.reads.take(ctx, whose(q.ask.Subject), largest); err != nil {
		return err
	}
	if q.text, err = received(ctx, in); err != nil {
		return err
	}
	q.share.keep(len(q.text))
	back, err := s.room.decodes.take(ctx, whose(q.ask.Subject))
	if err != nil {
		return err
	}
	defer back()
	own := s.room.p.OwnFrontend
	return q.decode(own != nil && own())
}

// received is the only message of a request. A caller who is slow must not hold a place for others.
func received(ctx context.Context, in grpc.ServerStream) ([]byte, error) {
	var f frame
	came := make(chan error, 1)
	go func() { came <- only(in, &f) }() // it ends with the call at the latest
	select {
	case err := <-came:
		return f.text, err
	case <-ctx.Done():
		return nil, fmt.Errorf("its request did not come in time (%s): %w", readTime.Round(time.Second), ctx.Err())
	}
}

func only(in grpc.ServerStream, f *frame) error {
	if err := in.RecvMsg(f); err != nil {
		return fmt.Errorf("its request can't be read: %w", err)
	}
	if err := in.RecvMsg(&frame{}); err != io.EOF { //nolint:errorlint // as it is documented
		return errors.New("the call has one request")
	}
	return nil
}

// decode says what a request asks for.
func (q *asked) decode(own bool) error {
	if q.msg = solve.Message(q.ask.Call.Route.Path); q.msg == nil {
		return nil
	}
	if err := solve.Decode(q.text, q.msg); err != nil {
		return err
	}
	if own {
		solve.OwnFrontend(q.msg)
	}
	asks, err := solve.Of(q.msg)
	if err != nil {
		return err
	}
	if asks != nil {
		q.ask.Body = asks
	}
	if asks != nil && asks.File != nil && solve.FromSession(q.msg) {
		q.part = newPart()
		solve.Local(q.msg, asks.File, q.part)
	}
	q.text, err = solve.Encode(q.msg)
	return err
}
