package authn

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// The device flow has the shape of RFC 8628.
const (
	deviceInterval = 5 * time.Second
	// userCodeAlphabet is that of RFC 8628, section 6.1: eight of these are 34 bits, which last for ten minutes behind a throttle.
	userCodeAlphabet = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeLength   = 8
)

// DeviceStart is what the program shows and keeps.
type DeviceStart struct {
	DeviceCode string
	UserCode   string
	Interval   time.Duration
	Expires    time.Time
}

// Device is a program that asks to be let in.
type Device struct {
	Client  string
	Address string
	Expires time.Time
	StepUp  bool
}

type deviceData struct {
	Client    string         `json:"client"`
	Address   string         `json:"address"`
	UserAgent string         `json:"user_agent,omitempty"`
	Decided   bool           `json:"decided,omitempty"`
	Allowed   bool           `json:"allowed,omitempty"`
	Session   string         `json:"session,omitempty"` // of the person who decided
	Auth      model.Strength `json:"auth,omitzero"`
	// Of a step-up: whose session, and which.
	For string `json:"for,omitempty"`
	Of  string `json:"of,omitempty"`
}

// StartDevice begins a sign-in of a program without a browser.
func (s *Service) StartDevice(ctx context.Context, c Client, client string) (*DeviceStart, error) {
	return s.startDevice(ctx, c, deviceData{Client: client})
}

// StartDeviceStepUp begins the step-up of a program's session by the person's browser. Nobody else can decide on it, and what
// the person shows there goes to that very session.
func (s *Service) StartDeviceStepUp(ctx context.Context, c Client, p model.Principal, client string) (*DeviceStart, error) {
	if p.Credential.Type != "Session" {
		return nil, fail(model.CodeUnauthenticated, "only a session can be stepped up", "sign in first", nil)
	}
	return s.startDevice(ctx, c, deviceData{Client: client, For: p.ID, Of: p.Credential.ID})
}

func (s *Service) startDevice(ctx context.Context, c Client, data deviceData) (*DeviceStart, error) {
	user := newUserCode()
	data.Client, data.Address, data.UserAgent = cut(data.Client, 100), c.Address, cut(c.UserAgent, 256)
	code, err := s.issue(ctx, model.Ticket{Kind: model.TicketDevice, Lookup: userCodeLookup(user)}, prefixDevice, deviceLife, data)
	if err != nil {
		return nil, err
	}
	return &DeviceStart{
		DeviceCode: code, UserCode: user[:4] + "-" + user[4:], Interval: deviceInterval, Expires: s.now().Add(deviceLife),
	}, nil
}

func newUserCode() string {
	out := make([]byte, 0, userCodeLength)
	for b := make([]byte, 1); len(out) < userCodeLength; {
		_, _ = rand.Read(b)                                              // never fails since Go 1.24
		if int(b[0]) < 256/len(userCodeAlphabet)*len(userCodeAlphabet) { // the rest would favour the first letters
			out = append(out, userCodeAlphabet[int(b[0])%len(userCodeAlphabet)])
		}
	}
	return string(out)
}

func userCodeLookup(code string) string {
	code = strings.Map(func(r rune) rune {
		if r = r &^ 0x20; r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, code)
	return digest("user code", code)
}

// PollDevice gives nil while the person has not decided, and the session once. Asking more often than every five seconds is
// refused with "too_many_requests", and makes the time longer by five seconds each time.
func (s *Service) PollDevice(ctx context.Context, c Client, code string) (*SignedIn, error) {
	var data deviceData
	ticket, err := s.look(ctx, model.TicketDevice, prefixDevice, code, &data)
	if err != nil {
		return nil, err
	}
	if err := s.pace(ctx, ticket.ID); err != nil {
		return nil, err
	}
	if !data.Decided {
		return nil, nil
	}
	if ticket, err = s.take(ctx, model.TicketDevice, prefixDevice, code, &data); err != nil {
		return nil, err
	}
	for _, key := range []string{"poll:" + ticket.ID, "slow:" + ticket.ID} {
		if err := s.store.ClearFailures(ctx, key); err != nil {
			return nil, coded(err, "counting polls")
		}
	}
	account, err := s.store.Account(ctx, ticket.User)
	if err != nil {
		return nil, ticketError(err)
	}
	ev := event{action: actionSignIn, account: account, amr: data.Auth.AMR, changes: map[string]string{"client": data.Client}}
	if !data.Allowed {
		ev.reason = "the person refused the program"
		return nil, s.refuse(ctx, c, ev, fail(model.CodeDenied, "the sign-in was refused in the browser", "", nil))
	}
	// What ended the person's session in between ends this too.
	approver, err := s.store.Session(ctx, data.Session)
	if err != nil && !missing(err) {
		return nil, coded(err, "reading the session")
	}
	if err != nil || account.Disabled || !s.now().Before(approver.Expires) {
		ev.reason = "the session that let the program in has ended"
		return nil, s.refuse(ctx, c, ev, errTicket(nil))
	}
	e := entry{action: actionSignIn, account: account, auth: data.Auth, client: data.Client, changes: ev.changes}
	if data.Of != "" {
		e.action, e.replace = actionFactor, data.Of
	} else {
		e.auth.FactorTime = time.Time{} // a program shows no factor
	}
	return s.enter(ctx, c, e)
}

func (s *Service) pace(ctx context.Context, id string) error {
	polls, last, err := s.store.Failures(ctx, "poll:"+id)
	if err != nil {
		return coded(err, "counting polls")
	}
	slowed, _, err := s.store.Failures(ctx, "slow:"+id)
	if err != nil {
		return coded(err, "counting polls")
	}
	now := s.now()
	n, err := s.store.AddFailure(ctx, "poll:"+id, now)
	if err != nil {
		return coded(err, "counting polls")
	}
	early := polls > 0 && now.Sub(last) < deviceInterval*time.Duration(1+slowed)
	if !early && n == polls+1 {
		return nil
	}
	if _, err := s.store.AddFailure(ctx, "slow:"+id, now); err != nil {
		return coded(err, "counting polls")
	}
	return fail(model.CodeTooMany, "the program asks too often", "wait five seconds longer between two polls", nil)
}

// GetDevice shows the person which program asks.
func (s *Service) GetDevice(ctx context.Context, p model.Principal, userCode string) (*Device, error) {
	_, data, expires, err := s.waiting(ctx, p, userCode)
	if err != nil {
		return nil, err
	}
	return &Device{Client: data.Client, Address: data.Address, Expires: expires, StepUp: data.Of != ""}, nil
}

// DecideDevice lets the program in as the caller, or refuses it. The program's session has the strength of the caller's, and its
// fresh factor only where the program asked for that.
func (s *Service) DecideDevice(ctx context.Context, p model.Principal, userCode string, allow bool) error {
	_, factors, err := s.self(ctx, p)
	if err != nil {
		return err
	}
	if hasStrong(factors) && !p.Auth.MFA {
		return errShowFactor()
	}
	ticket, data, _, err := s.waiting(ctx, p, userCode)
	if err != nil {
		return err
	}
	if data.Of != "" && allow && !s.fresh(p.Auth) {
		return errStepUp()
	}
	undecided := ticket.Data
	ticket.User, ticket.Tenant = p.ID, p.Tenant
	data.Decided, data.Allowed, data.Session, data.Auth = true, allow, p.Credential.ID, p.Auth
	if err := s.sealTicket(ticket, data); err != nil {
		return err
	}
	switch err := s.store.UpdateTicket(ctx, ticket, undecided); model.CodeOf(err) {
	case "":
	case model.CodeConflict, model.CodeNotFound: // somebody else decided at the same moment
		return errTicket(err)
	default:
		return coded(err, "keeping the decision")
	}
	return coded(s.store.ClearFailures(ctx, deviceKey(p)), "counting failures")
}

func deviceKey(p model.Principal) string { return "device:" + p.ID }

// waiting gives an undecided device flow. Guessing user codes is throttled by person.
func (s *Service) waiting(ctx context.Context, p model.Principal, userCode string) (*model.Ticket, *deviceData, time.Time, error) {
	if p.Credential.Type != "Session" || p.Auth.Pending {
		return nil, nil, time.Time{}, errShowFactor()
	}
	if err := s.attempt(ctx, deviceKey(p)); err != nil {
		return nil, nil, time.Time{}, err
	}
	ticket, err := s.store.TicketByLookup(ctx, model.TicketDevice, userCodeLookup(userCode))
	if err != nil {
		return nil, nil, time.Time{}, ticketError(err)
	}
	var data deviceData
	if err := s.openTicket(ticket, &data); err != nil {
		return nil, nil, time.Time{}, err
	}
	if data.Decided || !s.now().Before(ticket.Expires) || data.For != "" && data.For != p.ID {
		return nil, nil, time.Time{}, errTicket(nil)
	}
	return ticket, &data, ticket.Expires, nil
}
