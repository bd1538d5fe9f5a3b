package authn

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// How long tickets last.
const (
	ceremonyLife  = 5 * time.Minute
	totpLife      = 10 * time.Minute
	oidcLife      = 10 * time.Minute
	deviceLife    = 10 * time.Minute
	enrolmentLife = 72 * time.Hour
)

// issue keeps a ticket and gives the code that its bearer shows. Only the code's hash is kept, and the data sealed.
func (s *Service) issue(ctx context.Context, t model.Ticket, prefix string, life time.Duration, data any) (string, error) {
	code := newSecret(prefix)
	hash, _ := secretHash(code, prefix)
	t.ID, t.Created = hex.EncodeToString(hash), s.now()
	t.Expires = t.Created.Add(life)
	if err := s.sealTicket(&t, data); err != nil {
		return "", err
	}
	if err := s.store.CreateTicket(ctx, &t); err != nil {
		return "", coded(err, "keeping a ticket")
	}
	return code, nil
}

func (s *Service) sealTicket(t *model.Ticket, data any) error {
	plain, err := json.Marshal(data)
	if err == nil {
		t.Data, err = s.sealer.Seal(ticketPurpose(t), plain)
	}
	return coded(err, "sealing a ticket")
}

// ticketPurpose ties the sealed data to its own ticket.
func ticketPurpose(t *model.Ticket) string { return "authn ticket " + string(t.Kind) + " " + t.ID }

func (s *Service) openTicket(t *model.Ticket, data any) error {
	plain, err := s.sealer.Open(ticketPurpose(t), t.Data)
	if err == nil {
		err = json.Unmarshal(plain, data)
	}
	return coded(err, "opening a ticket")
}

// look gives a ticket without using it up.
func (s *Service) look(ctx context.Context, kind model.TicketKind, prefix, code string, data any) (*model.Ticket, error) {
	hash, ok := secretHash(code, prefix)
	if !ok {
		return nil, errTicket(nil)
	}
	t, err := s.store.Ticket(ctx, kind, hex.EncodeToString(hash))
	if err != nil {
		return nil, ticketError(err)
	}
	if !s.now().Before(t.Expires) {
		return nil, errTicket(nil)
	}
	return t, s.openTicket(t, data)
}

// take uses a ticket up: of several that show the same code, one gets it.
func (s *Service) take(ctx context.Context, kind model.TicketKind, prefix, code string, data any) (*model.Ticket, error) {
	hash, ok := secretHash(code, prefix)
	if !ok {
		return nil, errTicket(nil)
	}
	t, err := s.store.TakeTicket(ctx, kind, hex.EncodeToString(hash), s.now())
	if err != nil {
		return nil, ticketError(err)
	}
	return t, s.openTicket(t, data)
}

func ticketError(err error) error {
	if missing(err) {
		return errTicket(err)
	}
	return coded(err, "reading a ticket")
}
