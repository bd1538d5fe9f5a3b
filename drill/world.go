package drill

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// The tenants of the world.
const (
	own   = "acme"
	other = "globex"
)

// World is a control plane with an administrator and two tenants.
type World struct {
	plane   *Plane
	admin   *person
	witness *person // auditor of the installation
}

// person is an account with its session.
type person struct {
	id, tenant, name, password string
	totp                       string // secret
	session                    string // secret
	step                       int64  // last TOTP step that was used
}

func newWorld(ctx context.Context, p *Plane) (*World, error) {
	w := &World{plane: p}
	var err error
	if w.admin, err = w.enrol(ctx, p.Enrolment, "administrator"); err != nil {
		return nil, fmt.Errorf("enrol the administrator: %w", err)
	}
	if err := w.register(ctx, w.admin); err != nil {
		return nil, fmt.Errorf("register the administrator's second factor: %w", err)
	}
	for _, t := range []string{own, other} {
		if _, err := w.tenants(w.admin).CreateTenant(ctx, &bulkheadv1.CreateTenantRequest{Tenant: &bulkheadv1.Tenant{Id: t, Name: t}}); err != nil {
			return nil, fmt.Errorf("create the tenant %s: %w", t, err)
		}
	}
	if w.witness, err = w.user(ctx, model.SystemTenant, "witness", model.RoleAuditor); err != nil {
		return nil, err
	}
	return w, nil
}

// enrol uses an enrolment code up.
func (w *World) enrol(ctx context.Context, code, name string) (*person, error) {
	p := &person{name: name, password: "drill " + uuid.NewString()}
	res, err := w.auth(p).CompleteEnrolment(ctx, &bulkheadv1.CompleteEnrolmentRequest{Code: code, Name: name, Password: p.password})
	if err != nil {
		return nil, err
	}
	p.session, p.id, p.tenant = res.GetSecret(), res.GetCaller().GetId(), res.GetCaller().GetTenant()
	return p, nil
}

// register adds an authenticator app to the account and shows it.
func (w *World) register(ctx context.Context, p *person) error {
	begun, err := w.account(p).BeginTOTP(ctx, &bulkheadv1.Empty{})
	if err != nil {
		return err
	}
	p.totp = begun.GetSecret()
	code, err := w.code(p)
	if err != nil {
		return err
	}
	res, err := w.account(p).FinishTOTP(ctx, &bulkheadv1.FinishTOTPRequest{Id: begun.GetId(), Code: code, Name: "drill"})
	if err != nil {
		return err
	}
	p.session = res.GetSession().GetSecret()
	return nil
}

// user makes a user of a tenant, signed in with two factors.
func (w *World) user(ctx context.Context, tenant, name string, roles ...string) (*person, error) {
	res, err := w.users(w.admin).CreateUser(ctx, &bulkheadv1.CreateUserRequest{User: &bulkheadv1.User{Tenant: tenant, Name: name, Roles: roles}})
	if err != nil {
		return nil, fmt.Errorf("create the user %s of %s: %w", name, tenant, err)
	}
	p, err := w.enrol(ctx, res.GetEnrolmentCode(), name)
	if err != nil {
		return nil, fmt.Errorf("enrol %s of %s: %w", name, tenant, err)
	}
	return p, w.register(ctx, p)
}

// signIn signs the person in with the password alone, in a new session.
func (w *World) signIn(ctx context.Context, p *person) (*person, error) {
	again := *p
	again.session = ""
	res, err := w.auth(&again).SignIn(ctx, &bulkheadv1.SignInRequest{Tenant: p.tenant, Name: p.name, Password: p.password})
	if err != nil {
		return nil, fmt.Errorf("sign in as %s: %w", p.name, err)
	}
	again.session = res.GetSecret()
	return &again, nil
}

// showCode shows the second factor.
func (w *World) showCode(ctx context.Context, p *person, code string) error {
	res, err := w.auth(p).VerifyCode(ctx, &bulkheadv1.VerifyCodeRequest{Code: code})
	if err != nil {
		return err
	}
	if s := res.GetSecret(); s != "" {
		p.session = s
	}
	return nil
}

// code gives the person's next code. Each is good once, so the plane's clock is moved on where it has to be.
func (w *World) code(p *person) (string, error) {
	const period = 30
	for w.plane.Now().Unix()/period <= p.step {
		w.plane.Advance(period * time.Second)
	}
	p.step = w.plane.Now().Unix() / period
	return totp.GenerateCodeCustom(p.totp, w.plane.Now(), totp.ValidateOpts{Period: period, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
}

// refusalRecorded looks for the refusal in the audit log's index, which follows the log.
func (w *World) refusalRecorded(ctx context.Context, action string) (bool, error) {
	filter := fmt.Sprintf(`outcome = "refused" AND action = %q`, action)
	return becomes(ctx, 50, func() (bool, error) {
		res, err := bulkheadv1connect.NewAuditServiceClient(w.client(w.witness), w.plane.URL).SearchRecords(ctx,
			&bulkheadv1.SearchRecordsRequest{Page: &bulkheadv1.Page{Filter: filter, Size: 1}})
		if err != nil {
			return false, fmt.Errorf("look for the refusal in the audit log: %w", err)
		}
		return len(res.GetRecords()) > 0, nil
	})
}

// becomes looks so many times, a tenth of a second apart, whether something has come true.
func becomes(ctx context.Context, times int, is func() (bool, error)) (bool, error) {
	for range times {
		if yes, err := is(); yes || err != nil {
			return yes, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return false, nil
}

func (w *World) auth(p *person) bulkheadv1connect.AuthServiceClient {
	return bulkheadv1connect.NewAuthServiceClient(w.client(p), w.plane.URL)
}

func (w *World) account(p *person) bulkheadv1connect.AccountServiceClient {
	return bulkheadv1connect.NewAccountServiceClient(w.client(p), w.plane.URL)
}

func (w *World) tenants(p *person) bulkheadv1connect.TenantServiceClient {
	return bulkheadv1connect.NewTenantServiceClient(w.client(p), w.plane.URL)
}

func (w *World) users(p *person) bulkheadv1connect.UserServiceClient {
	return bulkheadv1connect.NewUserServiceClient(w.client(p), w.plane.URL)
}

func (w *World) tokens(p *person) bulkheadv1connect.TokenServiceClient {
	return bulkheadv1connect.NewTokenServiceClient(w.client(p), w.plane.URL)
}

func (w *World) policies(p *person) bulkheadv1connect.PolicyServiceClient {
	return bulkheadv1connect.NewPolicyServiceClient(w.client(p), w.plane.URL)
}

// client is an HTTP client that shows the person's session.
func (w *World) client(p *person) *http.Client { return w.clientWith(p.session, nil) }

func (w *World) clientWith(secret string, header http.Header) *http.Client {
	c := *w.plane.HTTP
	next := c.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	c.Transport = credential{secret: secret, header: header, next: next}
	return &c
}

// credential adds what the caller shows.
type credential struct {
	secret string
	header http.Header
	next   http.RoundTripper
}

func (c credential) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Bulkhead-Session", "token")
	if c.secret != "" {
		r.Header.Set("Authorization", "Bearer "+c.secret)
	}
	for name, values := range c.header {
		r.Header[name] = values
	}
	return c.next.RoundTrip(r)
}
