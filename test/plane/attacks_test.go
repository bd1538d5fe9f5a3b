//go:build e2e

package plane

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// TestAttacks goes at one server with what strangers try.
func TestAttacks(t *testing.T) {
	s := serve(t)
	admin := newPerson(t, s)
	admin.enrol(s.Link, "admin")
	secret := admin.secret()
	t.Run("TLS 1.2", func(t *testing.T) { oldTLS(t, s) })
	t.Run("doors that are shut", func(t *testing.T) { shutDoors(t, s, secret) })
	t.Run("path tricks", func(t *testing.T) { pathTricks(t, s) })
	t.Run("forged host", func(t *testing.T) { forgedHost(t, s) })
	t.Run("bodies", func(t *testing.T) { hostileBodies(t, s, secret) })
	t.Run("cross-site requests", func(t *testing.T) { crossSite(t, s, secret) })
	t.Run("headers", func(t *testing.T) { hostileHeaders(t, admin) })
	t.Run("secrets in addresses", func(t *testing.T) { secretInAddress(t, s, secret) })
	t.Run("slow client", func(t *testing.T) { slowClient(t, s) })
	t.Run("fixed session", func(t *testing.T) { fixedSession(t, s, admin) })
	t.Run("guessing", func(t *testing.T) { guessing(t, admin) })
	if status, body := admin.post(secret, "AuthService/GetCaller", struct{}{}, nil); status != http.StatusOK {
		t.Errorf("after all attacks the server answers %d %s", status, body)
	}
}

// answered is a response that was read.
type answered struct {
	StatusCode int
	Header     http.Header
	cookies    []*http.Cookie
}

// do sends a request as it is.
func do(t *testing.T, s *lab.Server, req *http.Request) (answered, string) {
	t.Helper()
	client := s.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return answered{res.StatusCode, res.Header, res.Cookies()}, string(b)
}

func request(t *testing.T, s *lab.Server, method, path string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

func oldTLS(t *testing.T, s *lab.Server) {
	d := tls.Dialer{Config: &tls.Config{RootCAs: s.CA, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, ServerName: "localhost"}}
	conn, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL, "https://"))
	if err == nil {
		conn.Close()
		t.Error("TLS 1.2 was accepted")
	}
}

func shutDoors(t *testing.T, s *lab.Server, secret string) {
	for _, path := range []string{"/debug/pprof/", "/debug/vars", "/metrics", "/admin", "/.git/config", "/ca.key", "/master.key"} {
		req := request(t, s, http.MethodGet, path, nil)
		req.Header.Set("Authorization", "Bearer "+secret)
		if res, body := do(t, s, req); res.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: %d %s", path, res.StatusCode, tail(body, 200))
		}
	}
}

func pathTricks(t *testing.T, s *lab.Server) {
	for _, path := range []string{
		"/bulkhead.v1.TenantService/ListTenants", "//bulkhead.v1.TenantService/ListTenants", "/bulkhead.v1.TenantService//ListTenants",
		"/./bulkhead.v1.TenantService/ListTenants", "/sign-in/../bulkhead.v1.TenantService/ListTenants", "/BULKHEAD.V1.TenantService/ListTenants",
		"/bulkhead.v1.AuthService/GetSignInOptions/../../bulkhead.v1.TenantService/ListTenants", "/bulkhead.v1.TenantService%2FListTenants",
		"/%62ulkhead.v1.TenantService/ListTenants", "/bulkhead.v1.TenantService/ListTenants;x=1", "/bulkhead.v1.TenantService/ListTenants%00",
	} {
		req := request(t, s, http.MethodPost, "/", strings.NewReader("{}"))
		req.URL.Opaque = "//" + req.URL.Host + path // sent as it stands
		if res, body := do(t, s, req); res.StatusCode == http.StatusOK || strings.Contains(body, `"tenants"`) {
			t.Errorf("POST %s without a session: %d %s", path, res.StatusCode, tail(body, 200))
		}
	}
	for _, path := range []string{"/../../etc/passwd", "/static/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/sign-in/..%2f..%2fetc/passwd"} {
		req := request(t, s, http.MethodGet, "/", nil)
		req.URL.Opaque = "//" + req.URL.Host + path
		if res, body := do(t, s, req); strings.Contains(body, "root:") || res.StatusCode == http.StatusOK {
			t.Errorf("GET %s: %d %s", path, res.StatusCode, tail(body, 200))
		}
	}
}

func forgedHost(t *testing.T, s *lab.Server) {
	req := request(t, s, http.MethodGet, "/sign-in", nil)
	req.Host = "rebound.example"
	if res, body := do(t, s, req); res.StatusCode < 400 || strings.Contains(body, "rebound.example") {
		t.Errorf("a foreign Host header was answered with %d", res.StatusCode)
	}
}

func crossSite(t *testing.T, s *lab.Server, secret string) {
	call := func(header map[string]string) int {
		req := request(t, s, http.MethodPost, "/bulkhead.v1.AuthService/GetCaller", strings.NewReader("{}"))
		req.AddCookie(&http.Cookie{Name: "__Host-bulkhead", Value: secret})
		for k, v := range header {
			req.Header.Set(k, v)
		}
		res, _ := do(t, s, req)
		if v := res.Header.Get("Access-Control-Allow-Origin"); v != "" {
			t.Errorf("cross-origin reading is allowed: %s", v)
		}
		return res.StatusCode
	}
	if got := call(map[string]string{"Origin": s.URL, "Sec-Fetch-Site": "same-origin"}); got != http.StatusOK {
		t.Errorf("the own page was answered with %d", got)
	}
	for _, header := range []map[string]string{
		{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
		{"Origin": "https://evil.example"},
		{"Origin": "null"},
		{"Sec-Fetch-Site": "same-site"},
		{"Origin": strings.Replace(s.URL, "localhost", "localhost.evil.example", 1)},
	} {
		if got := call(header); got == http.StatusOK {
			t.Errorf("a request of another site came through: %v", header)
		}
	}
	req := request(t, s, http.MethodOptions, "/bulkhead.v1.AuthService/GetCaller", nil)
	req.Header.Set("Origin", "https://evil.example")
	req.Header.Set("Access-Control-Request-Method", "POST")
	if res, _ := do(t, s, req); res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("a preflight of another site was answered")
	}
}

func secretInAddress(t *testing.T, s *lab.Server, secret string) {
	req := request(t, s, http.MethodPost, "/bulkhead.v1.AuthService/GetCaller?access_token="+url.QueryEscape(secret), strings.NewReader("{}"))
	if res, _ := do(t, s, req); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a session in the address was answered with %d", res.StatusCode)
	}
}

// slowClient sends a header now and then; the server has to hang up.
func slowClient(t *testing.T, s *lab.Server) {
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: s.CA, MinVersion: tls.VersionTLS13, ServerName: "localhost", NextProtos: []string{"http/1.1"}}}).
		DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	go func() {
		fmt.Fprint(conn, "POST /bulkhead.v1.AuthService/SignIn HTTP/1.1\r\nHost: localhost\r\n")
		for i := 0; ctx.Err() == nil; i++ {
			if _, err := fmt.Fprintf(conn, "X-%d: a\r\n", i); err != nil {
				return
			}
			time.Sleep(500 * time.Millisecond)
		}
	}()
	_ = conn.SetReadDeadline(time.Now().Add(45 * time.Second))
	_, err = io.Copy(io.Discard, conn)
	if nerr := net.Error(nil); errors.As(err, &nerr) && nerr.Timeout() {
		t.Error("the server listened to a slow client for 45 s")
	}
}

// fixedSession plants a session before the victim signs in, and watches whether it becomes the victim's.
func fixedSession(t *testing.T, s *lab.Server, admin *person) {
	var first, second struct{ Secret string }
	body := map[string]any{"name": "admin", "password": "correct horse battery admin"}
	req := request(t, s, http.MethodPost, "/bulkhead.v1.AuthService/SignIn", jsonReader(t, body))
	planted := "bhs_" + strings.Repeat("A", 43)
	req.AddCookie(&http.Cookie{Name: "__Host-bulkhead", Value: planted})
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, text := do(t, s, req)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("sign in: %d %s", res.StatusCode, text)
	}
	cookies := res.cookies
	if len(cookies) != 1 || cookies[0].Value == planted || !cookies[0].HttpOnly || !cookies[0].Secure || cookies[0].SameSite != http.SameSiteStrictMode || cookies[0].Domain != "" {
		t.Errorf("the session's cookie is %v", cookies)
	}
	if strings.Contains(text, "bhs_") {
		t.Error("a browser's answer shows the session's secret to scripts")
	}
	if status, text := admin.post("", "AuthService/SignIn", body, &first); status != http.StatusOK {
		t.Fatalf("sign in: %d %s", status, text)
	}
	if status, text := admin.post(first.Secret, "AuthService/VerifyCode", map[string]any{"code": admin.code()}, &second); status != http.StatusOK {
		t.Fatalf("second factor: %d %s", status, text)
	}
	if second.Secret == first.Secret || second.Secret == "" {
		t.Error("the second factor did not change the session's secret")
	}
	if status, _ := admin.post(first.Secret, "AuthService/GetCaller", struct{}{}, nil); status != http.StatusUnauthorized {
		t.Errorf("the session from before the second factor was answered with %d", status)
	}
}

func jsonReader(t *testing.T, v any) io.Reader {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b)
}

// guessing tries passwords until the server slows it down; then even the right one has to wait.
func guessing(t *testing.T, admin *person) {
	slowed := false
	for i := range 60 {
		status, body := admin.post("", "AuthService/SignIn", map[string]any{"name": "admin", "password": fmt.Sprintf("a guess that is wrong %d", i)}, nil)
		switch status {
		case http.StatusUnauthorized:
		case http.StatusTooManyRequests:
			slowed = true
		default:
			t.Fatalf("guess %d: %d %s", i, status, body)
		}
		if slowed {
			break
		}
	}
	if !slowed {
		t.Fatal("sixty guesses were answered at once")
	}
	status, body := admin.post("", "AuthService/SignIn", map[string]any{"name": "admin", "password": "correct horse battery admin"}, nil)
	if status != http.StatusTooManyRequests {
		t.Errorf("the right password among the guesses: %d %s", status, body)
	}
}
