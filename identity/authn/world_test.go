package authn

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/pquerna/otp/totp"

	"github.com/bulkhead-security/bulkhead/model"
)

const goodPassword = "four gulls over ostend"

var (
	here  = Client{Address: "192.0.2.7:4711", UserAgent: "test"}
	light = &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
)

// log keeps records; it can be made to fail.
type log struct {
	mu      sync.Mutex
	records []model.Record
	broken  bool
}

func (l *log) Append(_ context.Context, r model.Record) (model.LogRecord, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		return model.LogRecord{}, errors.New("no space left on device")
	}
	l.records = append(l.records, r)
	return model.LogRecord{Record: r}, nil
}

func (l *log) last(t testing.TB) model.Record {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.records) == 0 {
		t.Fatal("nothing was recorded")
	}
	return l.records[len(l.records)-1]
}

// sealer is AES-GCM with a key of its own.
type sealer struct{ aead cipher.AEAD }

func newSealer(t testing.TB) sealer {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	must(t, err)
	aead, err := cipher.NewGCMWithRandomNonce(block)
	must(t, err)
	return sealer{aead}
}

func (s sealer) Seal(purpose string, plain []byte) ([]byte, error) {
	return s.aead.Seal(nil, nil, plain, []byte(purpose)), nil
}

func (s sealer) Open(purpose string, sealed []byte) ([]byte, error) {
	return s.aead.Open(nil, nil, sealed, []byte(purpose))
}

// world is a service on its own store, log and clock.
type world struct {
	*Service
	t     testing.TB
	store Store
	log   *log
	said  *bytes.Buffer // what the service logged
	mu    sync.Mutex
	time  time.Time
}

func newWorld(t testing.TB, change ...func(*Options)) *world {
	t.Helper()
	w := &world{t: t, store: testStore(t), log: &log{}, said: &bytes.Buffer{}, time: time.Now().UTC().Truncate(time.Second)}
	o := Options{
		Store: w.store, Recorder: w.log, Log: slog.New(slog.NewTextHandler(w.said, nil)), Sealer: newSealer(t), PublicURL: "https://bulkhead.example:8443", Argon: light,
		Clock: func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.time },
		Settings: Settings{
			StepUp: 5 * time.Minute, Idle: time.Hour, Absolute: 12 * time.Hour, SingleIdle: 10 * time.Minute, SingleAbsolute: time.Hour,
			TokenDays: 30,
		},
	}
	for _, c := range change {
		c(&o)
	}
	s, err := New(o)
	must(t, err)
	w.Service = s
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, code model.Code) {
	t.Helper()
	if got := model.CodeOf(err); got != code {
		t.Fatalf("the code is %q (%v), want %q", got, err, code)
	}
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(d)
}

// account makes an account with goodPassword in the tenant "acme".
func (w *world) account(name string, roles ...string) *model.Account {
	w.t.Helper()
	a := &model.Account{ID: "00000000-0000-7000-8000-" + (digest(name))[:12], Tenant: "acme", Name: name, Roles: roles, Created: w.time}
	if len(roles) > 0 && roles[0] == model.RoleAdministrator {
		a.Tenant = model.SystemTenant
	}
	must(w.t, w.store.CreateAccount(ctx(w.t), a))
	write, err := w.preparePassword(ctx(w.t), a, goodPassword, false)
	must(w.t, err)
	must(w.t, write(ctx(w.t)))
	return a
}

func ctx(t testing.TB) context.Context { return t.Context() }

func (w *world) signIn(a *model.Account) *SignedIn {
	w.t.Helper()
	in, err := w.SignIn(ctx(w.t), here, a.Tenant, a.Name, goodPassword)
	must(w.t, err)
	return in
}

// app registers TOTP and gives the secret and the new session.
func (w *world) app(in *SignedIn) (secret string, out *Registered) {
	w.t.Helper()
	begun, err := w.BeginTOTP(ctx(w.t), in.Principal)
	must(w.t, err)
	out, err = w.FinishTOTP(ctx(w.t), here, in.Principal, begun.ID, w.code(begun.Secret), "phone")
	must(w.t, err)
	return begun.Secret, out
}

func (w *world) code(secret string) string {
	w.t.Helper()
	code, err := totp.GenerateCode(secret, w.now())
	must(w.t, err)
	return code
}

func (w *world) who(secret string) model.Principal {
	w.t.Helper()
	p, err := w.Authenticate(ctx(w.t), secret, here.Address, here.UserAgent)
	must(w.t, err)
	return p
}

func (w *world) refusedSecret(secret string) {
	w.t.Helper()
	_, err := w.Authenticate(ctx(w.t), secret, here.Address, here.UserAgent)
	wantCode(w.t, err, model.CodeUnauthenticated)
}
