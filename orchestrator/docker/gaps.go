package docker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/containerd/errdefs"

	"github.com/bulkhead-security/bulkhead/model"
)

// ConnectError says why no engine could be reached. Endpoint is empty when none was found.
type ConnectError struct {
	Endpoint string
	Err      error
}

func (e *ConnectError) Unwrap() error { return e.Err }

// Error says what failed, why, and what to do.
func (e *ConnectError) Error() string {
	text := "the container engine at " + e.Endpoint + " can't be used: " + e.Err.Error()
	if e.Endpoint == "" {
		text = e.Err.Error()
	}
	return text + "; " + e.remedy()
}

func (e *ConnectError) remedy() string {
	switch reason(e.Err) {
	case model.GapPermission:
		return "run as root, or as a user that may use the engine"
	case model.GapAbsent:
		return "start the engine, or name its endpoint (DOCKER_HOST)"
	case model.GapTimeout:
		return "look into the engine's log and restart it: it accepts connections and does not answer"
	case model.GapMalformed:
		return "check that the endpoint is a container engine's, and DOCKER_TLS_VERIFY if it uses TLS"
	}
	return "check the endpoint (DOCKER_HOST) and the engine's log"
}

// Unreachable are the gaps of a node whose engine can't be used.
func Unreachable(err error) []model.Gap {
	detail, remedy, why := err.Error(), "", reason(err)
	var ce *ConnectError
	if errors.As(err, &ce) {
		detail, remedy = ce.Err.Error(), ce.remedy()
		if ce.Endpoint != "" {
			detail = ce.Endpoint + ": " + detail
		}
	}
	var gaps []model.Gap
	for _, path := range []string{"/engine", "/containers", "/images", "/networks", "/swarm"} {
		gaps = append(gaps, model.Gap{Path: path, Collector: "docker", Reason: why, Detail: detail, Remedy: remedy})
	}
	return gaps
}

// reason sorts an error into the causes of gaps.
func reason(err error) model.GapReason {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var netErr net.Error
	text := err.Error()
	switch {
	case errors.Is(err, errNotAsked):
		return model.GapSkipped
	case errors.Is(err, errTooLarge), strings.Contains(text, errTooLarge.Error()): // the client's /info drops the chain
		return model.GapLimit
	case errors.Is(err, os.ErrPermission), errdefs.IsPermissionDenied(err), errdefs.IsUnauthorized(err):
		return model.GapPermission
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return model.GapAbsent
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.As(err, &netErr) && netErr.Timeout():
		return model.GapTimeout
	case errors.Is(err, errNoEngine), errors.Is(err, errMalformed), errors.As(err, &syntax), errors.As(err, &kind),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE),
		errors.Is(err, syscall.ECONNRESET), strings.Contains(text, "readLoopPeekFail"), strings.Contains(text, "malformed HTTP"), strings.Contains(text, "transport connection broken"):
		return model.GapMalformed
	case errdefs.IsNotFound(err), errdefs.IsNotImplemented(err):
		return model.GapUnsupported
	}
	return model.GapFailed
}

// errMalformed marks what was read and not understood.
var errMalformed = errors.New("not understood")

// gap makes a gap of an error. The text of an engine's answer is cut: it can be anything.
func gap(path string, err error, remedy string) model.Gap {
	text := err.Error()
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "..."
	}
	return model.Gap{Path: path, Reason: reason(err), Detail: text, Remedy: remedy}
}
