package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type ticketRow struct {
	bun.BaseModel `bun:"table:tickets,alias:t"`
	Kind          string `bun:"kind,pk"`
	ID            string `bun:"id,pk"`
	User          string `bun:"user_id"`
	Tenant        string `bun:"tenant"`
	Lookup        string `bun:"lookup"`
	Data          []byte `bun:"data"`
	Created       int64  `bun:"created"`
	Expires       int64  `bun:"expires"`
}

func ticketRowOf(x *model.Ticket) *ticketRow {
	return &ticketRow{
		Kind: string(x.Kind), ID: x.ID, User: x.User, Tenant: x.Tenant, Lookup: x.Lookup, Data: blob(x.Data),
		Created: us(x.Created), Expires: us(x.Expires),
	}
}

func (r *ticketRow) model() *model.Ticket {
	return &model.Ticket{
		ID: r.ID, Kind: model.TicketKind(r.Kind), User: r.User, Tenant: r.Tenant, Lookup: r.Lookup, Data: r.Data,
		Created: at(r.Created), Expires: at(r.Expires),
	}
}

// CreateTicket adds a ticket.
func (s *Store) CreateTicket(ctx context.Context, x *model.Ticket) error {
	return s.insert(ctx, "ticket", ticketRowOf(x))
}

// Ticket finds a ticket without taking it, also one that is over.
func (s *Store) Ticket(ctx context.Context, kind model.TicketKind, id string) (*model.Ticket, error) {
	var r ticketRow
	if err := s.one(ctx, "ticket", "", &r, "kind = ? AND id = ?", string(kind), id); err != nil {
		return nil, err
	}
	return r.model(), nil
}

// TicketByLookup finds a ticket by its second name, without taking it.
func (s *Store) TicketByLookup(ctx context.Context, kind model.TicketKind, lookup string) (*model.Ticket, error) {
	if lookup == "" {
		return nil, notFound("ticket", "")
	}
	var r ticketRow
	if err := s.one(ctx, "ticket", "", &r, "kind = ? AND lookup = ? AND lookup <> ''", string(kind), lookup); err != nil {
		return nil, err
	}
	return r.model(), nil
}

// UpdateTicket changes whom a ticket is for, its data and its end, while its data is what it was: of several who decide at
// once, one does.
func (s *Store) UpdateTicket(ctx context.Context, x *model.Ticket, was []byte) error {
	return s.change(ctx, "ticket", func(db bun.IDB) error {
		r, err := db.NewUpdate().Model(ticketRowOf(x)).Column("user_id", "tenant", "lookup", "data", "expires").WherePK().
			Where("data = ?", blob(was)).Exec(ctx)
		return touched(r, err, &model.Error{Code: model.CodeConflict, Message: "the ticket was changed or taken at the same moment"})
	})
}

// TakeTicket gives a ticket and removes it, so that one taker gets it.
func (s *Store) TakeTicket(ctx context.Context, kind model.TicketKind, id string, now time.Time) (*model.Ticket, error) {
	var r ticketRow
	err := s.change(ctx, "ticket", func(db bun.IDB) error {
		err := db.NewRaw("DELETE FROM tickets WHERE kind = ? AND id = ? RETURNING *", string(kind), id).Scan(ctx, &r)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("ticket", "")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if x := r.model(); x.Expires.After(now) {
		return x, nil
	}
	return nil, &model.Error{Code: model.CodeExpired, Message: "this link or code is over", Remedy: "Ask for a new one."}
}
