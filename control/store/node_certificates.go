package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

// RenewNode makes next the node's newest certificate, for one that showed serial: the newest or the one before it. The one that
// was shown counts until the next one was used. Of two that show the same at once, both may win, and the second is the newest.
func (s *Store) RenewNode(ctx context.Context, id, serial, next string, ends time.Time) error {
	return s.change(ctx, "certificate", func(db bun.IDB) error {
		r, err := db.NewRaw(`UPDATE nodes SET serial = ?, previous = ?, certificate_ends = ?
			WHERE id = ? AND revoked = 0 AND ? <> '' AND (serial = ? OR previous = ?)`,
			next, serial, us(ends), id, serial, serial, serial).Exec(ctx)
		return s.orElse(ctx, db, r, err, (*nodeRow)(nil), "node", id, &model.Error{
			Code: model.CodeConflict, Message: "the certificate is neither the node's newest nor the one before it, or the node is revoked",
			Remedy: "Revoke the node, and let it join again.",
		})
	})
}

// UseCertificate forgets the certificate before the newest, once the newest is shown. It does nothing for any other.
func (s *Store) UseCertificate(ctx context.Context, id, serial string) error {
	return s.change(ctx, "certificate", func(db bun.IDB) error {
		_, err := db.NewRaw("UPDATE nodes SET previous = '' WHERE id = ? AND serial = ? AND previous <> ''", id, serial).Exec(ctx)
		return err
	})
}

// SetLogKey keeps the key that verifies the node's audit log. The first one counts for good.
func (s *Store) SetLogKey(ctx context.Context, id, key string) error {
	return s.change(ctx, "node", func(db bun.IDB) error {
		r, err := db.NewRaw("UPDATE nodes SET log_key = ? WHERE id = ? AND log_key IN ('', ?)", key, id, key).Exec(ctx)
		return s.orElse(ctx, db, r, err, (*nodeRow)(nil), "node", id, &model.Error{
			Code: model.CodeConflict, Message: "the node's audit log has another key",
			Remedy: "Find out why the node began another log; a new one needs a new node.",
		})
	})
}
