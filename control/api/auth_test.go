package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/alexedwards/argon2id"
	"github.com/descope/virtualwebauthn"
	"github.com/pquerna/otp/totp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/identity/authn"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

const (
	authOrigin   = "https://bulkhead.test"
	authPassword = "four gulls over ostend"
)

// plainly allows everything and keeps records: what is tested here is what comes before and after decisions.
type plainly struct {
	mu      sync.Mutex
	records []model.Record
}

func (p *plainly) Decide(context.Context, model.Request) model.Decision {
	return model.Decision{Allowed: true}
}

func (p *plainly) Append(_ context.Context, r model.Record) (model.LogRecord, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records = append(p.records, r)
	return model.LogRecord{Origin: "test", Index: uint64(len(p.records)), Record: r}, nil
}

func (p *plainly) Later(ctx context.Context, r model.Record) error {
	_, err := p.Append(ctx, r)
	return err
}

func (p *plainly) Object(_ context.Context, ref model.Ref) (model.Object, error) {
	return model.Object{Ref: ref}, nil
}

func (p *plainly) Seal(purpose string, b []byte) ([]byte, error) {
	return append([]byte(purpose+"\x00"), b...), nil
}

func (p *plainly) Open(purpose string, b []byte) ([]byte, error) {
	plain, ok := strings.CutPrefix(string(b), purpose+"\x00")
	if !ok {
		return nil, errors.New("sealed for another purpose")
	}
	return []byte(plain), nil
}

// door is a server with sign-ins behind the gate, and a browser in front of it.
type door struct {
	t       *testing.T
	url     string
	authn   *authn.Service
	browser *http.Client
	auth    bulkheadv1connect.AuthServiceClient
	account bulkheadv1connect.AccountServiceClient
	mu      sync.Mutex
	now     time.Time
	headers http.Header // of the last answer
}

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{t: t, now: time.Now().UTC().Truncate(time.Second)}
	clock := func() time.Time { d.mu.Lock(); defer d.mu.Unlock(); return d.now }
	db, err := store.Open(t.Context(), store.Options{Dir: t.TempDir()})
	noError(t, err)
	t.Cleanup(func() { noError(t, db.Close()) })
	p := &plainly{}
	d.authn, err = authn.New(authn.Options{
		Store: db, Recorder: p, Sealer: p, PublicURL: authOrigin, Clock: clock,
		Argon: &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32},
		Settings: authn.Settings{
			StepUp: 5 * time.Minute, Idle: time.Hour, Absolute: 12 * time.Hour, SingleIdle: 10 * time.Minute, SingleAbsolute: time.Hour, TokenDays: 30,
		},
	})
	noError(t, err)
	g, err := gate.New(gate.Options{
		Authn: d.authn, Authz: p, Audit: p, Objects: p, Ledger: db, Approvals: db, Now: clock,
		Settings: gate.Settings{StepUp: 5 * time.Minute, PublicRate: 1000, PublicBurst: 1000},
	})
	noError(t, err)
	mux := http.NewServeMux()
	auth := NewAuthService(d.authn)
	Register(mux, g, Services{Auth: auth, Account: NewAccountService(d.authn)}, 1<<20)
	mux.Handle("/oidc/callback", auth.OIDCCallback(nil))
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	d.url = server.URL
	jar, err := cookiejar.New(nil)
	noError(t, err)
	d.browser = server.Client()
	d.browser.Jar = jar
	d.browser.Transport = keepHeaders{d, d.browser.Transport}
	d.auth = bulkheadv1connect.NewAuthServiceClient(d.browser, d.url)
	d.account = bulkheadv1connect.NewAccountServiceClient(d.browser, d.url)
	return d
}

type keepHeaders struct {
	d    *door
	next http.RoundTripper
}

func (k keepHeaders) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := k.next.RoundTrip(r)
	if err == nil {
		k.d.headers = resp.Header
	}
	return resp, err
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (d *door) pass(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

func (d *door) enrol() *bulkheadv1.SignInResponse {
	d.t.Helper()
	code, _, err := d.authn.Bootstrap(d.t.Context())
	noError(d.t, err)
	e, err := d.auth.GetEnrolment(d.t.Context(), &bulkheadv1.GetEnrolmentRequest{Code: code})
	noError(d.t, err)
	if e.GetTenant() != model.SystemTenant || e.GetName() != "" {
		d.t.Errorf("the code is for %v", e)
	}
	in, err := d.auth.CompleteEnrolment(d.t.Context(), &bulkheadv1.CompleteEnrolmentRequest{Code: code, Name: "ada", Password: authPassword})
	noError(d.t, err)
	return in
}

func (d *door) code(secret string) string {
	d.t.Helper()
	code, err := totp.GenerateCode(secret, d.now)
	noError(d.t, err)
	return code
}

// asProgram sets the header with which programs ask for secrets.
type asProgram struct {
	secret string
	next   http.RoundTripper
}

func (a asProgram) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Bulkhead-Session", "token")
	if a.secret != "" {
		r.Header.Set("Authorization", "Bearer "+a.secret)
	}
	return a.next.RoundTrip(r)
}

func (d *door) program(secret string) *http.Client {
	return &http.Client{Transport: asProgram{secret, d.browser.Transport}}
}

func TestBrowserGetsACookieOnly(t *testing.T) {
	d := newDoor(t)
	options, err := d.auth.GetSignInOptions(t.Context(), &bulkheadv1.GetSignInOptionsRequest{})
	noError(t, err)
	if !options.GetNeedsEnrolment() {
		t.Error("nobody has enrolled, and it is not said")
	}
	in := d.enrol()
	cookie := d.headers.Get("Set-Cookie")
	for _, want := range []string{"__Host-bulkhead=bhs_", "Path=/", "HttpOnly", "Secure", "SameSite=Strict"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("%q lacks %s", cookie, want)
		}
	}
	if in.GetSecret() != "" || strings.Contains(cookie, "Domain") || d.headers.Get("Cache-Control") != "no-store" {
		t.Errorf("the answer is %v, %v", in, d.headers)
	}
	if in.GetNext() != bulkheadv1.Step_STEP_REGISTER || in.GetCaller().GetName() != "ada" {
		t.Errorf("the answer is %v", in)
	}
	who, err := d.auth.GetCaller(t.Context(), &bulkheadv1.Empty{})
	noError(t, err)
	if who.GetKind() != "session" || who.GetMfa() || who.GetExpires() == nil || who.GetFactorTime() != nil {
		t.Errorf("the caller is %v", who)
	}
	_, err = d.auth.SignOut(t.Context(), &bulkheadv1.Empty{})
	noError(t, err)
	if cookie := d.headers.Get("Set-Cookie"); !strings.Contains(cookie, "Max-Age=0") {
		t.Errorf("after signing out: %q", cookie)
	}
	_, err = d.auth.GetCaller(t.Context(), &bulkheadv1.Empty{})
	if connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("after signing out: %v", err)
	}
}

func TestProgramGetsTheSecret(t *testing.T) {
	d := newDoor(t)
	d.enrol()
	program := bulkheadv1connect.NewAuthServiceClient(d.program(""), d.url)
	in, err := program.SignIn(t.Context(), &bulkheadv1.SignInRequest{Name: "ada", Password: authPassword})
	noError(t, err)
	if !strings.HasPrefix(in.GetSecret(), "bhs_") || d.headers.Get("Set-Cookie") != "" {
		t.Errorf("the answer is %.8s with %q", in.GetSecret(), d.headers.Get("Set-Cookie"))
	}
	account := bulkheadv1connect.NewAccountServiceClient(d.program(in.GetSecret()), d.url)
	_, err = account.ChangePassword(t.Context(), &bulkheadv1.ChangePasswordRequest{OldPassword: authPassword, NewPassword: "five gulls over ostend"})
	noError(t, err)
	secret := d.headers.Get("Bulkhead-Session")
	_, err = bulkheadv1connect.NewAuthServiceClient(d.program(secret), d.url).GetCaller(t.Context(), &bulkheadv1.Empty{})
	noError(t, err)
	_, err = account.ListSessions(t.Context(), &bulkheadv1.Empty{}) // with the secret from before
	if connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("the old secret: %v", err)
	}
}

func TestFactorsOverTheAPI(t *testing.T) {
	d := newDoor(t)
	d.enrol()
	begun, err := d.account.BeginTOTP(t.Context(), &bulkheadv1.Empty{})
	noError(t, err)
	reg, err := d.account.FinishTOTP(t.Context(), &bulkheadv1.FinishTOTPRequest{Id: begun.GetId(), Code: d.code(begun.GetSecret()), Name: "phone"})
	noError(t, err)
	if len(reg.GetRecoveryCodes()) != 10 || reg.GetSession().GetNext() != bulkheadv1.Step_STEP_DONE || reg.GetSession().GetSecret() != "" {
		t.Errorf("registered: %v", reg)
	}
	party := virtualwebauthn.RelyingParty{ID: "bulkhead.test", Name: "Bulkhead", Origin: authOrigin}
	key := virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{UserHandle: []byte(reg.GetSession().GetCaller().GetId())})
	credential := newCredential()
	c, err := d.account.BeginPasskey(t.Context(), &bulkheadv1.Empty{})
	noError(t, err)
	creation, err := virtualwebauthn.ParseAttestationOptions(options(t, c))
	noError(t, err)
	_, err = d.account.FinishPasskey(t.Context(), &bulkheadv1.FinishCeremonyRequest{
		Id: c.GetId(), Response: object(t, virtualwebauthn.CreateAttestationResponse(party, key, credential, *creation)), Name: "blue",
	})
	noError(t, err)

	show := func(c *bulkheadv1.Ceremony) *bulkheadv1.FinishCeremonyRequest {
		o, err := virtualwebauthn.ParseAssertionOptions(options(t, c))
		noError(t, err)
		credential.Counter++
		return &bulkheadv1.FinishCeremonyRequest{Id: c.GetId(), Response: object(t, virtualwebauthn.CreateAssertionResponse(party, key, credential, *o))}
	}
	in, err := d.auth.SignIn(t.Context(), &bulkheadv1.SignInRequest{Name: "Ada", Password: authPassword})
	noError(t, err)
	if in.GetNext() != bulkheadv1.Step_STEP_FACTOR || len(in.GetFactors()) != 3 {
		t.Errorf("password only: %v", in)
	}
	if c, err = d.auth.BeginFactor(t.Context(), &bulkheadv1.Empty{}); err == nil {
		in, err = d.auth.FinishFactor(t.Context(), show(c))
	}
	noError(t, err)
	if in.GetNext() != bulkheadv1.Step_STEP_DONE || !in.GetCaller().GetPhishingResistant() {
		t.Errorf("with the key: %v", in)
	}
	if c, err = d.auth.BeginPasskeySignIn(t.Context(), &bulkheadv1.Empty{}); err == nil {
		in, err = d.auth.FinishPasskeySignIn(t.Context(), show(c))
	}
	noError(t, err)
	if in.GetNext() != bulkheadv1.Step_STEP_DONE || !in.GetCaller().GetMfa() {
		t.Errorf("with the key alone: %v", in)
	}
	codes, err := d.account.ReplaceRecoveryCodes(t.Context(), &bulkheadv1.Empty{})
	noError(t, err)
	_, err = d.auth.VerifyCode(t.Context(), &bulkheadv1.VerifyCodeRequest{Code: codes.GetCodes()[0]})
	noError(t, err)
	factors, err := d.account.ListFactors(t.Context(), &bulkheadv1.Empty{})
	noError(t, err)
	for _, f := range factors.GetFactors() {
		if f.GetKind() == "recovery" && f.GetLeft() != 9 || f.GetCreated() == nil {
			t.Errorf("the factor is %v", f)
		}
	}
	sessions, err := d.account.ListSessions(t.Context(), &bulkheadv1.Empty{})
	noError(t, err)
	var current int
	for _, s := range sessions.GetSessions() {
		if s.GetCurrent() {
			current++
		}
	}
	if current != 1 || len(sessions.GetSessions()) < 2 {
		t.Errorf("the sessions are %v", sessions)
	}
}

func TestDeviceOverTheAPI(t *testing.T) {
	d := newDoor(t)
	d.enrol()
	program := bulkheadv1connect.NewAuthServiceClient(d.program(""), d.url)
	start, err := program.StartDevice(t.Context(), &bulkheadv1.StartDeviceRequest{Client: "bulkhead on build-7"})
	noError(t, err)
	if start.GetInterval() != 5 || !strings.HasPrefix(start.GetVerificationPath(), "/") {
		t.Errorf("started: %v", start)
	}
	out, err := program.PollDevice(t.Context(), &bulkheadv1.PollDeviceRequest{DeviceCode: start.GetDeviceCode()})
	noError(t, err)
	if !out.GetPending() || out.GetSecret() != "" {
		t.Errorf("before the decision: %v", out)
	}
	seen, err := d.auth.GetDevice(t.Context(), &bulkheadv1.GetDeviceRequest{UserCode: start.GetUserCode()})
	noError(t, err)
	if seen.GetClient() != "bulkhead on build-7" || seen.GetAddress() == "" {
		t.Errorf("the person sees %v", seen)
	}
	_, err = d.auth.DecideDevice(t.Context(), &bulkheadv1.DecideDeviceRequest{UserCode: start.GetUserCode(), Allow: true})
	noError(t, err)
	d.pass(10 * time.Second)
	out, err = program.PollDevice(t.Context(), &bulkheadv1.PollDeviceRequest{DeviceCode: start.GetDeviceCode()})
	noError(t, err)
	if !strings.HasPrefix(out.GetSecret(), "bhs_") || out.GetCaller().GetName() != "ada" || d.headers.Get("Set-Cookie") != "" {
		t.Errorf("after the decision: %v", out.GetCaller())
	}
}

func TestCallbackRefuses(t *testing.T) {
	d := newDoor(t)
	for query, status := range map[string]int{
		"":                                    http.StatusBadRequest,
		"?state=x&code=y":                     http.StatusBadRequest,
		"?state=a&state=b&code=y":             http.StatusBadRequest,
		"?state=" + strings.Repeat("x", 9000): http.StatusBadRequest,
		"?error=%3Cscript%3E":                 http.StatusBadRequest,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+"/oidc/callback"+query, nil)
		noError(t, err)
		req.AddCookie(&http.Cookie{Name: "__Host-bulkhead-oidc", Value: "x"})
		resp, err := d.browser.Do(req)
		noError(t, err)
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != status || strings.Contains(string(body), "<script") || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%.20q: %d %s", query, resp.StatusCode, body)
		}
		if strings.Contains(strings.Join(resp.Header.Values("Set-Cookie"), ";"), "__Host-bulkhead=") {
			t.Errorf("%.20q: a session", query)
		}
	}
}

// TestCallbackIgnoresEmbedders: a page of another site that embeds the callback's address counts for nothing.
func TestCallbackIgnoresEmbedders(t *testing.T) {
	d := newDoor(t)
	for range 60 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+"/oidc/callback?state=x&code=y", nil)
		noError(t, err)
		req.AddCookie(&http.Cookie{Name: "__Host-bulkhead-oidc", Value: "x"})
		req.Header.Set("Sec-Fetch-Mode", "no-cors")
		req.Header.Set("Sec-Fetch-Dest", "image")
		resp, err := d.browser.Do(req)
		noError(t, err)
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest || len(resp.Cookies()) != 0 {
			t.Fatalf("%d, %v", resp.StatusCode, resp.Cookies())
		}
	}
	_, err := d.auth.SignIn(t.Context(), &bulkheadv1.SignInRequest{Name: "nobody", Password: "wrong"})
	if got := connect.CodeOf(err); got != connect.CodeUnauthenticated {
		t.Errorf("whoever looked at that page is now told %v", err)
	}
}

func options(t *testing.T, c *bulkheadv1.Ceremony) string {
	t.Helper()
	b, err := protojson.Marshal(c.GetOptions())
	noError(t, err)
	return string(b)
}

func object(t *testing.T, s string) *structpb.Struct {
	t.Helper()
	out := &structpb.Struct{}
	noError(t, protojson.Unmarshal([]byte(s), out))
	return out
}

// newCredential leaves out the keys that the test library writes too short: those with a coordinate that begins with zero.
func newCredential() virtualwebauthn.Credential {
	const full = 77
	for {
		if c := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(c.Key.AttestationData()) == full {
			return c
		}
	}
}
