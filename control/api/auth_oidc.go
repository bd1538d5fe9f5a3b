package api

import (
	"errors"
	"html/template"
	"net"
	"net/http"
	"net/url"

	"github.com/bulkhead-security/bulkhead/identity/authn"
	"github.com/bulkhead-security/bulkhead/model"
)

const (
	mostQuery = 8 << 10
	oidcCSP   = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// OIDCCallback is where providers send browsers back to (GET /oidc/callback). It signs in, sets the session's cookie and goes
// on to a page of this server; who is not let in is shown refused, or a plain page without one. It goes on by a page and not by a redirect: browsers send a SameSite=Strict cookie along with
// what our own page asks for, but not with a redirect that began at another site.
func (s *AuthService) OIDCCallback(refused RefusedPage) http.Handler {
	if refused == nil {
		refused = refusePlainly
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer") // the address has the code
		h.Set("Content-Security-Policy", oidcCSP)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Type", "text/html; charset=utf-8")
		if r.Method != http.MethodGet {
			h.Set("Allow", http.MethodGet)
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		if !navigates(r) {
			refuseOIDC(w, r, refused, &model.Error{Code: model.CodeInvalid, Message: "this is for browsers that a provider sent here", Remedy: "begin the sign-in again"})
			return
		}
		http.SetCookie(w, bindingCookie("", deleted))
		answer, err := oidcAnswer(r)
		var in *authn.SignedIn
		path := "/"
		if err == nil {
			in, path, err = s.authn.FinishOIDC(r.Context(), httpClient(r), answer)
		}
		if err != nil {
			refuseOIDC(w, r, refused, err)
			return
		}
		http.SetCookie(w, newSessionCookie(in.Secret, 0))
		_ = onward.Execute(w, path)
	})
}

// navigates says whether a browser that began a sign-in here goes to this address itself. What another site embeds in its pages
// does not, and must not count as a failure of the person who looks at them.
func navigates(r *http.Request) bool {
	if _, err := r.Cookie(oidcCookie); err != nil {
		return false
	}
	mode, dest := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	return (mode == "" || mode == "navigate") && (dest == "" || dest == "document")
}

func httpClient(r *http.Request) authn.Client {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return authn.Client{Address: host, UserAgent: r.UserAgent()}
}

// oidcAnswer reads the query strictly: what is there twice can be understood in two ways.
func oidcAnswer(r *http.Request) (authn.OIDCAnswer, error) {
	invalid := func(err error) (authn.OIDCAnswer, error) {
		return authn.OIDCAnswer{}, &model.Error{Code: model.CodeInvalid, Message: "the provider's answer is malformed", Remedy: "begin the sign-in again", Err: err}
	}
	if len(r.URL.RawQuery) > mostQuery {
		return invalid(errors.New("too long"))
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return invalid(err)
	}
	for name, values := range q {
		if len(values) > 1 {
			return invalid(errors.New(name + " is there twice"))
		}
	}
	out := authn.OIDCAnswer{
		State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Error: q.Get("error"), Provider: q.Get("provider"),
	}
	if c, err := r.Cookie(oidcCookie); err == nil {
		out.Binding = c.Value
	}
	return out, nil
}

// RefusedPage says to a person in a browser why they are not signed in, and what to do, in their language.
type RefusedPage func(w http.ResponseWriter, r *http.Request, status int, code, message, remedy string)

func refusePlainly(w http.ResponseWriter, _ *http.Request, status int, _, message, remedy string) {
	w.WriteHeader(status)
	_ = refusedPlainly.Execute(w, struct{ Message, Remedy string }{message, remedy})
}

func refuseOIDC(w http.ResponseWriter, r *http.Request, refused RefusedPage, err error) {
	message, remedy := "the sign-in failed", "begin it again"
	var e *model.Error
	if errors.As(err, &e) {
		message, remedy = e.Message, e.Remedy
	}
	status := http.StatusForbidden
	switch model.CodeOf(err) {
	case model.CodeInvalid, model.CodeExpired:
		status = http.StatusBadRequest
	case model.CodeTooMany:
		status = http.StatusTooManyRequests
	case model.CodeUnavailable, model.CodeAuditUnavailable:
		status = http.StatusServiceUnavailable
	case model.CodeInternal:
		status = http.StatusInternalServerError
	}
	refused(w, r, status, string(model.CodeOf(err)), message, remedy)
}

var onward = template.Must(template.New("onward").Parse(`<!doctype html><html lang="en"><meta charset="utf-8">
<meta http-equiv="refresh" content="0;url={{.}}"><title>Signed in</title><p>Signed in. <a href="{{.}}">Go on</a></p></html>
`))

var refusedPlainly = template.Must(template.New("refused").Parse(`<!doctype html><html lang="en"><meta charset="utf-8">
<title>Not signed in</title><h1>Not signed in</h1><p>{{.Message}}.</p><p>What to do: {{.Remedy}}.</p><p><a href="/">Begin again</a></p></html>
`))
