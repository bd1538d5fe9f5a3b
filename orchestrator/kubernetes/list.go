package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	pageSize = 500
	// maxPods and maxObjects bound how many objects of a kind are read.
	maxPods    = 20000
	maxObjects = 10000
)

var errLimit = errors.New("there are more than are read")

// source names a kind for the rule that permits to list it.
type source struct{ group, resource string }

// gapIf is no gap without an error.
func gapIf(path string, s source, err error) []model.Gap {
	if err == nil {
		return nil
	}
	return []model.Gap{gap(path, s, err)}
}

// gap says why a part could not be read and what to do about it.
func gap(path string, s source, err error) model.Gap {
	g := model.Gap{Path: path, Reason: model.GapFailed, Detail: detail(s, err)}
	var netErr net.Error
	var urlErr *url.Error
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, errTooLarge), errors.Is(err, errLimit):
		g.Reason = model.GapLimit
	case apierrors.IsForbidden(err):
		g.Reason, g.Remedy = model.GapPermission, rule(s)
	case apierrors.IsUnauthorized(err):
		g.Reason = model.GapPermission
		g.Remedy = "the API server does not accept the credentials of the kubeconfig; renew them"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout(),
		apierrors.IsTimeout(err), apierrors.IsServerTimeout(err):
		g.Reason, g.Remedy = model.GapTimeout, "check that the API server answers: kubectl get --raw /readyz"
	case apierrors.ReasonForError(err) != metav1.StatusReasonUnknown:
		// The server said what is wrong.
	case errors.As(err, &urlErr):
		g.Remedy = "check that the API server runs and its certificate is valid: kubectl get --raw /readyz"
	case errors.As(err, &syntax), strings.Contains(err.Error(), "couldn't get version/kind"),
		strings.Contains(err.Error(), "decode"):
		g.Reason, g.Remedy = model.GapMalformed, "check that the address is that of a Kubernetes API server"
	}
	return g
}

// maxDetail bounds what is repeated of a server's words.
const maxDetail = 300

func detail(s source, err error) string {
	text := strings.ToValidUTF8(err.Error(), "?")
	if len(text) > maxDetail {
		text = strings.ToValidUTF8(text[:maxDetail], "") + "…"
	}
	if s.resource != "" {
		return s.resource + ": " + text
	}
	return text
}

// rule is the rule to add to the reader's ClusterRole.
func rule(s source) string {
	if s.resource == "" {
		return "grant the user the ClusterRole system:discovery"
	}
	return fmt.Sprintf(`add to the ClusterRole of the user: - {apiGroups: [%q], resources: [%q], verbs: ["list"]}`,
		s.group, s.resource)
}
