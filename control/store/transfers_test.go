package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

func transferOf(tenant, id string, created time.Time) *model.Transfer {
	return &model.Transfer{
		ID: id, Tenant: tenant, Node: "n1", User: "u1", UserName: "alice", Recording: "r1", Bytes: 10, Created: created, Expires: created.Add(time.Minute),
	}
}

func TestTransfers(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		last, err := s.LastChange(ctx)
		ok(t, err)
		ok(t, s.CreateTransfer(ctx, transferOf("a", "x", now), 2, 3))
		ok(t, s.CreateTransfer(ctx, transferOf("a", "y", now), 2, 3))
		code(t, s.CreateTransfer(ctx, transferOf("a", "z", now), 2, 3), model.CodeTooMany)
		ok(t, s.CreateTransfer(ctx, transferOf("b", "z", now), 2, 3))
		code(t, s.CreateTransfer(ctx, transferOf("c", "v", now), 2, 3), model.CodeTooMany)
		told, err := s.ChangesAfter(ctx, "", last, 10)
		if ok(t, err); len(told) != 3 || told[0].Object != (model.Ref{Type: TypeTransfer, ID: "x"}) || told[0].Tenant != "a" {
			t.Errorf("%+v", told)
		}
		for n, want := range []int{1, 2, 2} { // the third waits
			if next, err := s.AddPart(ctx, "x", n, fmt.Append(nil, n), false, 2); err != nil || next != want {
				t.Errorf("part %d: %d %v", n, next, err)
			}
		}
		if next, err := s.AddPart(ctx, "x", 0, []byte("other"), false, 2); err != nil || next != 2 { // again
			t.Error(next, err)
		}
		if next, err := s.AddPart(ctx, "x", 7, nil, false, 9); err != nil || next != 2 { // too early
			t.Error(next, err)
		}
		for n := range 2 {
			if b, err := s.TakePart(ctx, "x", n); err != nil || string(b) != fmt.Sprint(n) {
				t.Errorf("part %d: %q %v", n, b, err)
			}
			_, err := s.TakePart(ctx, "x", n)
			code(t, err, model.CodeNotFound)
		}
		next, err := s.AddPart(ctx, "x", 2, nil, true, 2)
		x, xerr := s.Transfer(ctx, "x")
		if ok(t, errors.Join(err, xerr)); next != 3 || !x.Done || x.Next != 3 || x.Bytes != 10 {
			t.Error(next, x)
		}
		if next, err := s.AddPart(ctx, "x", 3, nil, true, 9); err != nil || next != 3 { // nothing follows
			t.Error(next, err)
		}
		ok(t, s.EndTransfer(ctx, "x"))
		_, err = s.TakePart(ctx, "x", 2)
		code(t, err, model.CodeNotFound)
		_, err = s.AddPart(ctx, "x", 3, nil, true, 9)
		code(t, err, model.CodeNotFound)
		code(t, s.ChangeTransfer(ctx, "x", func(*model.Transfer) error { return nil }), model.CodeNotFound)
		ok(t, s.FailTransfer(ctx, "x", "it is gone"))
		// What is over makes room, and its parts go with it.
		_, err = s.AddPart(ctx, "y", 0, []byte("y"), false, 9)
		ok(t, err)
		ok(t, s.CreateTransfer(ctx, transferOf("a", "later", now.Add(time.Hour)), 1, 1))
		_, err = s.TakePart(ctx, "y", 0)
		code(t, err, model.CodeNotFound)
		refused := errors.New("no")
		if err := s.ChangeTransfer(ctx, "later", func(x *model.Transfer) error { x.Done = true; return refused }); !errors.Is(err, refused) {
			t.Error(err)
		}
		if x, err := s.Transfer(ctx, "later"); err != nil || x.Done {
			t.Error(x, err)
		}
		ok(t, s.FailTransfer(ctx, "later", "the node is away"))
		ok(t, s.FailTransfer(ctx, "later", "and so on")) // the first reason stays
		if x, err := s.Transfer(ctx, "later"); err != nil || !x.Done || x.Failed != "the node is away" {
			t.Error(x, err)
		}
	})
}

// Of many who change a transfer at once, each sees what the one before did: it is read once.
func TestTransferIsTakenOnce(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ok(t, s.CreateTransfer(t.Context(), transferOf("a", "x", now), 2, 3))
		const many = 8
		won := make(chan bool, many)
		for range many {
			go func() {
				mine := false
				err := s.ChangeTransfer(t.Context(), "x", func(x *model.Transfer) error {
					mine = !x.Reading
					x.Reading = true
					return nil
				})
				won <- err == nil && mine
			}()
		}
		n := 0
		for range many {
			if <-won {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d readers", n)
		}
	})
}

// What a node was asked for while it was connected nowhere is found when it is again, and what it began with is not.
func TestAwaitedTransfers(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		for _, id := range []string{"waits", "came", "failed", "other"} {
			x := transferOf("a", id, now)
			if id == "other" {
				x.Node = "n2"
			}
			x.Until = now.Add(time.Hour)
			ok(t, s.CreateTransfer(ctx, x, 9, 9))
		}
		_, err := s.AddPart(ctx, "came", 0, []byte("x"), false, 9)
		ok(t, err)
		ok(t, s.ChangeTransfer(ctx, "failed", func(x *model.Transfer) error { x.Failed, x.Done = "no", true; return nil }))
		all, err := s.Awaited(ctx, "n1")
		if ok(t, err); len(all) != 1 || all[0].ID != "waits" {
			t.Errorf("%+v", all)
		}
		// A part stays for as long as its reader may take.
		part, err := s.Ticket(ctx, model.TicketPart, "came/0")
		if ok(t, err); !part.Expires.Equal(now.Add(time.Hour)) {
			t.Errorf("%s", part.Expires)
		}
	})
}
