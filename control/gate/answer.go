package gate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotency-Replayed"
	maxKey         = 128
)

// idempotency reads the key of a change; nil where there is none. The stored key is bound to caller and method.
func (in *entry) idempotency(now time.Time) (*model.Answer, error) {
	values := in.header.Values(keyHeader)
	if len(values) == 0 {
		return nil, nil //nolint:nilnil // no key is the common case
	}
	invalid := func(text string) error {
		return &model.Error{Code: model.CodeInvalid, Message: keyHeader + ": " + text, Field: keyHeader}
	}
	key := values[0]
	switch {
	case len(values) > 1:
		return nil, invalid("only one")
	case key == "" || len(key) > maxKey || printable(key) != key:
		return nil, invalid("1 to " + strconv.Itoa(maxKey) + " printable characters")
	case in.rule.self() || in.rule.node():
		return nil, invalid("this method takes none: it does not run in a transaction")
	}
	if err := in.sum(); err != nil {
		return nil, err
	}
	h := sha256.New()
	for _, part := range []string{in.call.principal.String(), in.procedure, key} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return &model.Answer{Key: hex.EncodeToString(h.Sum(nil)), Digest: in.digest, Created: now}, nil
}

// replay gives the kept answer to the same request; neither answer nor error where there is none. That it was asked for
// again is recorded as a read: nothing changes.
func (g *Gate) replay(in *entry, key *model.Answer) (connect.AnyResponse, error) {
	kept, err := g.Ledger.Answer(in.ctx, key.Key)
	switch {
	case model.CodeOf(err) == model.CodeNotFound || err == nil && kept == nil:
		return nil, nil //nolint:nilnil // not answered yet
	case err != nil:
		return nil, fmt.Errorf("answers: %w", err)
	case !bytes.Equal(kept.Digest, key.Digest):
		return nil, &model.Error{
			Code: model.CodeConflict, Message: keyHeader + ": this key was used for another request", Field: keyHeader,
			Remedy: "Take a new key for a new request.",
		}
	}
	m := in.rule.output.New().Interface()
	if err := proto.Unmarshal(kept.Body, m); err != nil {
		return nil, fmt.Errorf("kept answer: %w", err)
	}
	r, err := in.record(g.Now())
	if err != nil {
		return nil, err
	}
	r.Reason = "answered again for the same idempotency key"
	if err := g.Audit.Later(in.ctx, r); err != nil {
		return nil, unrecorded(err)
	}
	res := &replayed{AnyResponse: connect.NewResponse(&bulkheadv1.Empty{}), msg: m}
	res.Header().Set(replayedHeader, "true")
	return res, nil
}

// keep stores the answer without its secrets in the change's own transaction: a secret is shown once.
func (g *Gate) keep(ctx context.Context, key *model.Answer, res connect.AnyResponse) error {
	if key == nil {
		return nil
	}
	m, ok := res.Any().(proto.Message)
	if !ok {
		return errors.New("the answer is no message")
	}
	body, err := proto.Marshal(redacted(m))
	if err != nil {
		return fmt.Errorf("keep the answer: %w", err)
	}
	kept := *key
	kept.Body = body
	return g.Ledger.KeepAnswer(ctx, &kept)
}

// replayed is an answer whose type is known at run time only.
type replayed struct {
	connect.AnyResponse
	msg proto.Message
}

// Any gives the message.
func (r *replayed) Any() any { return r.msg }
