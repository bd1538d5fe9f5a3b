package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

// TypeTransfer is the type of a transfer in changes: the replica that the node talks to learns of it by them.
const TypeTransfer = "RecordingTransfer"

// Transfers are tickets: they are good once and for minutes, and what is over is removed with the others. So are their parts, whose
// place for a user has the transfer.

// CreateTransfer adds a transfer unless so many of its tenant, or of all, are under way. Those that are over go first.
func (s *Store) CreateTransfer(ctx context.Context, x *model.Transfer, ofTenant, ofAll int) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		db := s.conn(ctx)
		_, err := db.NewRaw("DELETE FROM tickets WHERE kind = ? AND expires < ?", string(model.TicketTransfer), us(x.Created)).Exec(ctx)
		if err != nil {
			return s.fail("remove transfers that are over", err)
		}
		// A part is there as long as its transfer, which lasts longer when somebody begins to read it.
		_, err = db.NewRaw("DELETE FROM tickets WHERE kind = ? AND user_id NOT IN (SELECT id FROM tickets WHERE kind = ?)",
			string(model.TicketPart), string(model.TicketTransfer)).Exec(ctx)
		if err != nil {
			return s.fail("remove parts of transfers that are over", err)
		}
		var all, own int
		err = db.NewRaw("SELECT count(*), coalesce(sum(CASE WHEN tenant = ? THEN 1 ELSE 0 END), 0) FROM tickets WHERE kind = ?",
			x.Tenant, string(model.TicketTransfer)).Scan(ctx, &all, &own)
		if err != nil {
			return s.fail("count transfers", err)
		}
		if all >= ofAll || own >= ofTenant {
			return &model.Error{
				Code: model.CodeTooMany, Message: "as many recordings are on their way as can be", Remedy: "Try again in a few minutes.",
			}
		}
		data, err := json.Marshal(x)
		if err != nil {
			return fmt.Errorf("write a transfer: %w", err)
		}
		t := &model.Ticket{
			Kind: model.TicketTransfer, ID: x.ID, User: x.User, Tenant: x.Tenant, Data: data, Created: x.Created, Expires: x.Expires,
		}
		return s.insert(ctx, "transfer", ticketRowOf(t), changed(created, TypeTransfer, x.ID, x.Tenant))
	})
}

// Transfer finds a transfer.
func (s *Store) Transfer(ctx context.Context, id string) (*model.Transfer, error) {
	x, _, err := s.transfer(ctx, id)
	return x, err
}

func (s *Store) transfer(ctx context.Context, id string) (*model.Transfer, *model.Ticket, error) {
	t, err := s.Ticket(ctx, model.TicketTransfer, id)
	if model.CodeOf(err) == model.CodeNotFound {
		return nil, nil, notFound("transfer", id)
	}
	if err != nil {
		return nil, nil, err
	}
	x, err := value[model.Transfer](string(t.Data))
	return &x, t, err
}

// Awaited are the transfers of a node that nothing has come of yet. There are never more than a few in all.
func (s *Store) Awaited(ctx context.Context, node string) ([]model.Transfer, error) {
	var texts []string
	err := s.conn(ctx).NewRaw("SELECT data FROM tickets WHERE kind = ?", string(model.TicketTransfer)).Scan(ctx, &texts)
	if err != nil {
		return nil, s.fail("look for transfers of a node", err)
	}
	var out []model.Transfer
	for _, text := range texts {
		x, err := value[model.Transfer](text)
		if err != nil {
			return nil, err
		}
		if x.Node == node && x.Next == 0 && !x.Done {
			out = append(out, x)
		}
	}
	return out, nil
}

// ChangeTransfer changes a transfer as it is now. Of several who do so at once, each sees what the one before did.
func (s *Store) ChangeTransfer(ctx context.Context, id string, f func(*model.Transfer) error) error {
	for try := 0; ; try++ {
		err := s.changeTransfer(ctx, id, f)
		if model.CodeOf(err) != model.CodeConflict || try == 5 {
			return err
		}
	}
}

// FailTransfer says why a transfer does not come, unless it has. One that is not there any more is no error: whoever asked has left.
func (s *Store) FailTransfer(ctx context.Context, id, why string) error {
	err := s.ChangeTransfer(ctx, id, func(x *model.Transfer) error {
		if !x.Done {
			x.Failed, x.Done = why, true
		}
		return nil
	})
	if model.CodeOf(err) == model.CodeNotFound {
		return nil
	}
	return err
}

func (s *Store) changeTransfer(ctx context.Context, id string, f func(*model.Transfer) error) error {
	x, t, err := s.transfer(ctx, id)
	if err != nil {
		return err
	}
	if err := f(x); err != nil {
		return err
	}
	was := t.Data
	if t.Data, err = json.Marshal(x); err != nil {
		return fmt.Errorf("write a transfer: %w", err)
	}
	if bytes.Equal(was, t.Data) {
		return nil
	}
	t.Expires = x.Expires
	return s.UpdateTicket(ctx, t, was)
}

// AddPart adds the next part of a transfer, and notes how it goes on. It adds none where so many wait to be read, or where the part is
// there already; next is then the part that is wanted.
func (s *Store) AddPart(ctx context.Context, id string, part int, data []byte, last bool, waiting int) (next int, err error) {
	err = s.InTx(ctx, func(ctx context.Context) error {
		return s.changeTransfer(ctx, id, func(x *model.Transfer) error {
			next = x.Next
			if part != next || x.Done {
				return nil
			}
			var n int
			err := s.conn(ctx).NewRaw("SELECT count(*) FROM tickets WHERE user_id = ? AND kind = ?", id, string(model.TicketPart)).Scan(ctx, &n)
			if err != nil {
				return s.fail("count parts of a transfer", err)
			}
			if n >= waiting {
				return nil
			}
			x.Next, x.Done, next = part+1, last, part+1
			expires := x.Expires
			if x.Until.After(expires) { // a reader that is slow finds it still
				expires = x.Until
			}
			return s.insert(ctx, "part of a transfer", ticketRowOf(&model.Ticket{
				Kind: model.TicketPart, ID: partID(id, part), User: id, Tenant: x.Tenant, Data: data, Created: x.Created, Expires: expires,
			}))
		})
	})
	return next, err
}

func partID(id string, part int) string { return fmt.Sprintf("%s/%d", id, part) }

// TakePart gives a part and removes it; none is not_found.
func (s *Store) TakePart(ctx context.Context, id string, part int) ([]byte, error) {
	// Whoever waits for a part asks often: a look costs less than a transaction.
	var n int
	err := s.conn(ctx).NewRaw("SELECT count(*) FROM tickets WHERE kind = ? AND id = ?", string(model.TicketPart), partID(id, part)).Scan(ctx, &n)
	if err != nil {
		return nil, s.fail("look for a part of a transfer", err)
	}
	if n == 0 {
		return nil, notFound("part of a transfer", partID(id, part))
	}
	t, err := s.TakeTicket(ctx, model.TicketPart, partID(id, part), time.Time{})
	if err != nil {
		return nil, err
	}
	return t.Data, nil
}

// EndTransfer removes a transfer and its parts.
func (s *Store) EndTransfer(ctx context.Context, id string) error {
	return s.change(ctx, "transfer", func(db bun.IDB) error {
		_, err := db.NewRaw("DELETE FROM tickets WHERE kind = ? AND id = ? OR kind = ? AND user_id = ?",
			string(model.TicketTransfer), id, string(model.TicketPart), id).Exec(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
}
