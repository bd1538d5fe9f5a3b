package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// Limits of what is held of a call.
const (
	maxRequest = 64 << 20
	maxRefusal = 1 << 20
)

// caller is an HTTP client that shows who is calling, bounds each call in time, and answers a demand for a second factor
// on the spot. It implements connect.HTTPClient.
type caller struct {
	client  *http.Client
	url     string
	agent   string
	timeout time.Duration
	ask     prompter                  // nil where nobody can be asked
	browse  func() *browser           // asks a person's browser
	keep    func(secret string) error // keeps a rotated session; nil where it isn't kept

	mu     sync.Mutex
	secret string
	asking bool // a step-up is under way: its own calls ask for nothing
}

// Do implements connect.HTTPClient.
func (c *caller) Do(req *http.Request) (*http.Response, error) {
	kind := req.Header.Get("Content-Type")
	if strings.HasPrefix(kind, "application/connect") || strings.HasPrefix(kind, "application/grpc") {
		return c.client.Do(c.dress(req)) //nolint:gosec // the address is the one that the user gave
	}
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(io.LimitReader(req.Body, maxRequest+1))
		if err := errors.Join(err, req.Body.Close()); err != nil {
			return nil, fmt.Errorf("read the request: %w", err)
		}
		if len(body) > maxRequest {
			return nil, errors.New("the request is larger than 64 MiB")
		}
	}
	resp, err := c.once(req, body)
	if err != nil || resp.StatusCode < 400 || c.ask == nil || c.busy() {
		return resp, err
	}
	need, err := needOf(resp)
	if err != nil || need == "" {
		return resp, err
	}
	switch ok, err := c.stepUp(req.Context(), need); {
	case err != nil:
		return nil, errors.Join(err, resp.Body.Close())
	case !ok:
		return resp, nil
	}
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	return c.once(req, body)
}

// once makes one call within the time for one.
func (c *caller) once(req *http.Request, body []byte) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), c.timeout)
	r := c.dress(req.WithContext(ctx))
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	resp, err := c.client.Do(r) //nolint:gosec // the address is the one that the user gave
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = &endsWith{resp.Body, cancel}
	return resp, nil
}

// dress puts the headers on a copy.
func (c *caller) dress(req *http.Request) *http.Request {
	r := req.Clone(req.Context())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.secret != "" {
		r.Header.Set("Authorization", "Bearer "+c.secret)
	}
	r.Header.Set("User-Agent", c.agent)
	r.Header.Set("Bulkhead-Session", "token")
	return r
}

func (c *caller) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asking
}

// stepUp asks for a second factor and shows it; false where there is none to ask for.
func (c *caller) stepUp(ctx context.Context, need model.Code) (bool, error) {
	c.mu.Lock()
	c.asking = true
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.asking = false
		c.mu.Unlock()
	}()
	why := "This needs your second factor. "
	if need == model.CodeStepUpRequired {
		why = "This needs your second factor again. "
	}
	_, ok, err := c.show(ctx, c.ask, why)
	return ok, err
}

// show asks for a code and shows it; without one a browser is asked, where passkeys are. It gives what the sign-in still needs.
func (c *caller) show(ctx context.Context, ask prompter, why string) (bulkheadv1.Step, bool, error) {
	done := bulkheadv1.Step_STEP_UNSPECIFIED
	prompt := why + "Code of your authenticator app, or a recovery code"
	if c.browse != nil {
		prompt += " (empty: use a passkey in a browser)"
	}
	code, err := ask.Line(prompt + ": ")
	switch {
	case err != nil:
		return done, false, err
	case code == "" && c.browse == nil:
		return done, false, nil
	case code == "":
		res, err := c.browse().decide(ctx, true)
		if err != nil {
			return done, false, err
		}
		return done, true, c.rotate(res.GetSecret())
	}
	res, err := bulkheadv1connect.NewAuthServiceClient(c, c.url).VerifyCode(ctx,
		&bulkheadv1.VerifyCodeRequest{Code: strings.ReplaceAll(code, " ", "")})
	if err != nil {
		return done, false, err
	}
	return res.GetNext(), true, c.rotate(res.GetSecret())
}

// rotate takes a new session secret into use and keeps it.
func (c *caller) rotate(secret string) error {
	if secret == "" {
		return nil
	}
	c.mu.Lock()
	c.secret = secret
	c.mu.Unlock()
	if c.keep == nil {
		return nil
	}
	return c.keep(secret)
}

// needOf looks into a refusal for a demand of a second factor, and leaves the response as it was.
func needOf(resp *http.Response) (model.Code, error) {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	var refusal struct {
		Details []struct{ Type, Value string }
	}
	_ = json.Unmarshal(b, &refusal) // what is no answer of the API has no details; the client says so
	for _, d := range refusal.Details {
		raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(d.Value, "="))
		var detail bulkheadv1.ErrorDetail
		if err != nil || d.Type != string(detail.ProtoReflect().Descriptor().FullName()) || proto.Unmarshal(raw, &detail) != nil {
			continue
		}
		switch code := model.Code(detail.GetCode()); code {
		case model.CodeStepUpRequired, model.CodeFactorRequired:
			return code, nil
		}
	}
	return "", nil
}

// endsWith ends a call's context when its answer was read.
type endsWith struct {
	io.ReadCloser
	end context.CancelFunc
}

func (e *endsWith) Close() error {
	defer e.end()
	return e.ReadCloser.Close()
}
