package gate

import (
	"context"
	"net"
	"net/http"
	"strings"
	"unicode"

	"github.com/bulkhead-security/bulkhead/model"
)

// Client is from where and with what somebody calls.
type Client struct {
	Address   string // without port
	UserAgent string // cut and cleaned
}

// call is what the gate found out about a call; handlers read it through the functions below.
type call struct {
	principal   model.Principal
	client      Client
	credential  string
	certificate []byte        // that was shown and may be good
	member      *model.Member // of the nodes' door
	fresh       bool          // as the policies were told
}

type callKey struct{}

// With gives a context as handlers get it behind the gate. Doors that are not of the API, and tests, use it.
func With(ctx context.Context, p model.Principal, c Client, credential string) context.Context {
	return context.WithValue(ctx, callKey{}, &call{principal: p, client: c, credential: credential})
}

func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// Caller is who calls; the zero Principal where nobody is signed in.
func Caller(ctx context.Context) model.Principal { return callOf(ctx).principal }

// Fresh says whether the caller showed a second factor within the step-up time. A token never did.
func Fresh(ctx context.Context) bool { return callOf(ctx).fresh }

// Freshly gives a context as With does for a caller whose second factor is fresh.
func Freshly(ctx context.Context) context.Context {
	c := *callOf(ctx)
	c.fresh = true
	return context.WithValue(ctx, callKey{}, &c)
}

// NeedFresh is nil where the caller's second factor is fresh, and otherwise the error that makes a person show it again. It is
// for methods of which only some calls are dangerous; what always is has its mark in the schema.
func NeedFresh(ctx context.Context, what string) error {
	switch {
	case Fresh(ctx):
		return nil
	case Caller(ctx).Credential.Type != "Session":
		return &model.Error{
			Code: model.CodeDenied, Message: "an API token can't do this: " + what + " needs a second factor that was shown just now",
			Remedy: "Sign in and do it there.",
		}
	}
	return &model.Error{Code: model.CodeStepUpRequired, Message: what + " needs a second factor that was shown just now"}
}

// ClientOf is from where and with what.
func ClientOf(ctx context.Context) Client { return callOf(ctx).client }

// CredentialOf is the secret that was presented. It is for rotation only and belongs into no log.
func CredentialOf(ctx context.Context) string { return callOf(ctx).credential }

// Scope is the tenant that a list or search is about: the given one, else the caller's. For callers of "system" no tenant
// means all, as "".
func Scope(ctx context.Context, tenant string) string {
	if own := Caller(ctx).Tenant; tenant == "" && own != model.SystemTenant {
		return own
	}
	return tenant
}

// TenantOf is the tenant in which something is made: the given one, else the caller's, also for callers of "system".
func TenantOf(ctx context.Context, tenant string) string {
	if tenant == "" {
		return Caller(ctx).Tenant
	}
	return tenant
}

func clientOf(address string, h http.Header) Client {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	return Client{Address: cut(host, 64), UserAgent: cut(printable(h.Get("User-Agent")), 256)}
}

const cookieName = "__Host-bulkhead"

// credentialOf takes the bearer's secret, else the cookie's. A cookie that another site made the browser send is left out.
func credentialOf(h http.Header) string {
	if kind, secret, ok := strings.Cut(h.Get("Authorization"), " "); ok && strings.EqualFold(kind, "Bearer") {
		return strings.TrimSpace(secret)
	}
	if crossSite(h) {
		return ""
	}
	r := http.Request{Header: h}
	if c, err := r.Cookie(cookieName); err == nil {
		return c.Value
	}
	return ""
}

// crossSite follows http.CrossOriginProtection: Sec-Fetch-Site where the browser sends it, else Origin against Host.
func crossSite(h http.Header) bool {
	switch h.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		origin := h.Get("Origin")
		return origin != "" && origin != "https://"+h.Get("Host")
	}
	return true
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}

// cut shortens to at most n bytes, at a character's end.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
