package fleet

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bulkhead-security/bulkhead/model"
)

// Info is the severity of an event that is no bad news.
const info = "info"

// Event writes down that something happened, and raises the alarms that are set for it. Id, time and severity are filled in where
// they are empty.
func (f *Fleet) Event(ctx context.Context, e model.Event) error { return f.tell(ctx, e) }

// tell writes events and raises their alarms. In a transaction they are told only if that commits. An alarm that can't be raised is
// logged and undoes nothing: that something happened is worth more than its alarm.
func (f *Fleet) tell(ctx context.Context, all ...model.Event) error {
	if len(all) == 0 {
		return nil
	}
	for i := range all {
		e := &all[i]
		if e.Time.IsZero() {
			e.Time = f.now()
		}
		if e.Severity == "" {
			e.Severity = info
		}
		if e.ID == "" {
			id, err := uuid.NewV7()
			if err != nil {
				return fmt.Errorf("id of an event: %w", err)
			}
			e.ID = id.String()
		}
	}
	return f.store.InTx(ctx, func(ctx context.Context) error {
		if err := f.store.AddEvents(ctx, all); err != nil {
			return err
		}
		for _, e := range all {
			f.alarm(ctx, e)
		}
		return nil
	})
}

func (f *Fleet) alarm(ctx context.Context, e model.Event) {
	if f.o.Alarm == nil {
		return
	}
	err := f.store.InTx(ctx, func(ctx context.Context) error { return f.o.Alarm(ctx, e) })
	if err != nil {
		f.log.Error("an alarm can't be raised", "event", e.ID, "kind", e.Kind, "node", e.Node, "error", err)
	}
}

// eventID is an id in the form of UUIDv7 that is the same for the same thing: where two replicas tell of it, it is told once.
func eventID(t time.Time, of ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(of, "\n")))
	var id uuid.UUID
	copy(id[:], sum[:])
	ms := uint64(max(t.UnixMilli(), 0))
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// of is an event of a node.
func of(m *model.Member, kind, severity string, text model.Text) model.Event {
	return model.Event{Tenant: m.Tenant, Node: m.ID, NodeName: m.Name, Kind: kind, Severity: severity, Text: text}
}

func say(en, zh string, args ...any) model.Text {
	return model.Text{EN: fmt.Sprintf(en, args...), ZH: fmt.Sprintf(zh, args...)}
}
