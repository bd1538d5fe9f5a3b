//go:build e2e

package plane

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// The user of the provider.
const (
	providerUser     = "test-user2"
	providerPassword = "verysecure"
)

// startProvider starts a real OpenID provider with a client that may come back to an address.
func startProvider(t *testing.T, clientID, secret, back string) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer := "https://" + server.Listener.Addr().String()
	kept := storage.NewStorageWithClients(storage.NewUserStore(issuer), map[string]*storage.Client{
		clientID: storage.WebClient(clientID, secret, back),
	})
	server.Config.Handler = exampleop.SetupServer(issuer, grouped{kept}, nil, false, op.WithLogger(slog.New(slog.DiscardHandler)))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// grouped tells of a group that every user is in.
type grouped struct{ *storage.Storage }

func (g grouped) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	info.AppendClaims("groups", []string{"platform"})
	return g.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin)
}

// signInAtProvider goes where a browser was sent, signs in there, and gives the address that the provider sends it back to.
func signInAtProvider(t *testing.T, provider *httptest.Server, address string) string {
	t.Helper()
	client := *provider.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	defer client.CloseIdleConnections()
	follow := func(address string, form url.Values) *url.URL {
		t.Helper()
		ask := func() (*http.Response, error) { return client.Get(address) }
		if form != nil {
			ask = func() (*http.Response, error) { return client.PostForm(address, form) }
		}
		res, err := ask()
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		to, err := res.Location()
		if err != nil {
			b, _ := io.ReadAll(io.LimitReader(res.Body, 500))
			t.Fatalf("the provider does not send on: %s", b)
		}
		return to
	}
	login := follow(address, nil)
	form := url.Values{"username": {providerUser}, "password": {providerPassword}, "id": {login.Query().Get("authRequestID")}}
	if res, err := client.Get(login.String()); err == nil { // the form that a person sees
		res.Body.Close()
	}
	back := follow(login.String(), form)
	return follow(back.String(), nil).String()
}
