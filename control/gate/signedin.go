package gate

import (
	"net/http"

	"connectrpc.com/connect"
)

// SignedIn lets callers with a valid credential through to a handler that is no method of the API, such as reflection.
// Nothing is decided or recorded: it must show nothing of what is kept.
func (g *Gate) SignedIn(next http.Handler, opts ...connect.HandlerOption) http.Handler {
	w := connect.NewErrorWriter(opts...)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		c := &call{client: clientOf(r.RemoteAddr, r.Header), credential: credentialOf(r.Header)}
		err := g.signedIn(r, c)
		if err == nil {
			next.ServeHTTP(rw, r)
			return
		}
		if err = g.show(r.Context(), r.URL.Path, err, ""); w.IsSupported(r) {
			_ = w.Write(rw, r, err)
			return
		}
		http.Error(rw, "sign in first", http.StatusUnauthorized)
	})
}

func (g *Gate) signedIn(r *http.Request, c *call) error {
	if c.credential == "" {
		return g.unknown(r.Context(), c, unauthenticated())
	}
	p, err := g.Authn.Authenticate(r.Context(), c.credential, c.client.Address, c.client.UserAgent)
	switch {
	case err != nil:
		return g.unknown(r.Context(), c, err)
	case p.ID == "" || p.Auth.Pending:
		return g.unknown(r.Context(), c, unauthenticated())
	case !g.callers.allow("i "+p.String(), g.Now()):
		return tooMany()
	}
	return nil
}

// Public holds callers to the rate of those who are not signed in, for a handler that is no method of the API.
func (g *Gate) Public(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !g.public.allow("a "+network(clientOf(r.RemoteAddr, r.Header).Address), g.Now()) {
			rw.Header().Set("Retry-After", "1")
			http.Error(rw, "too many requests", http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(rw, r)
	})
}
