package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type bundleRow struct {
	bun.BaseModel `bun:"table:bundles,alias:t"`
	Kind          string `bun:"kind,pk"`
	Scope         string `bun:"scope,pk"`
	Version       int64  `bun:"version,pk"`
	Digest        string `bun:"digest"`
	Document      []byte `bun:"document"`
	Signature     string `bun:"signature"`
	Author        string `bun:"author"`
	Created       int64  `bun:"created"`
}

func (r *bundleRow) model() *model.Bundle {
	return &model.Bundle{
		Kind: model.BundleKind(r.Kind), Scope: r.Scope, Version: r.Version, Digest: r.Digest, Document: r.Document,
		Signature: r.Signature, Author: r.Author, Created: at(r.Created),
	}
}

// PutBundle adds a bundle with the next version, which sign sees. Versions of all bundles are from one counter, and become visible
// in their order. Where the newest of its kind and scope has the same digest nothing is added, and b becomes that one.
func (s *Store) PutBundle(ctx context.Context, b *model.Bundle, sign func(*model.Bundle) error) error {
	if b.Digest == "" {
		return invalid("digest", "a bundle needs the digest of its document")
	}
	was := *b
	err := s.InTx(ctx, func(ctx context.Context) error {
		t := s.transaction(ctx)
		// The counter's row stays locked until the commit: of two that add the same at once, the second sees the first's.
		if err := t.NewRaw("UPDATE counters SET value = value + 1 WHERE name = 'bundles' RETURNING value").Scan(ctx, &b.Version); err != nil {
			return s.fail("number a bundle", err)
		}
		newest, err := s.LatestBundle(ctx, b.Kind, b.Scope)
		switch {
		case err == nil && newest.Digest == b.Digest:
			*b = *newest
			_, err := t.NewRaw("UPDATE counters SET value = value - 1 WHERE name = 'bundles'").Exec(ctx)
			return s.fail("number a bundle", err)
		case err != nil && model.CodeOf(err) != model.CodeNotFound:
			return err
		}
		if err := sign(b); err != nil {
			return fmt.Errorf("bundle %s/%s: %w", b.Kind, b.Scope, err)
		}
		tenant, err := s.tenantOf(ctx, b)
		if err != nil {
			return err
		}
		return s.insert(ctx, "bundle", &bundleRow{
			Kind: string(b.Kind), Scope: b.Scope, Version: b.Version, Digest: b.Digest, Document: blob(b.Document),
			Signature: b.Signature, Author: b.Author, Created: us(b.Created),
		}, changed(created, "Bundle", string(b.Kind)+"/"+b.Scope, tenant))
	})
	if err != nil {
		*b = was
	}
	return err
}

// tenantOf is the tenant that a bundle belongs to.
func (s *Store) tenantOf(ctx context.Context, b *model.Bundle) (string, error) {
	if b.Kind != model.BundleAssignment {
		tenant, _, _ := strings.Cut(b.Scope, "/")
		return tenant, nil
	}
	var tenant string
	err := s.conn(ctx).NewRaw("SELECT tenant FROM nodes WHERE id = ?", b.Scope).Scan(ctx, &tenant)
	if errors.Is(err, sql.ErrNoRows) {
		return "", notFound("node", b.Scope)
	}
	return tenant, s.fail("read a node", err)
}

// LatestBundle finds the newest bundle of a kind for a scope.
func (s *Store) LatestBundle(ctx context.Context, kind model.BundleKind, scope string) (*model.Bundle, error) {
	return s.bundle(ctx, string(kind)+"/"+scope,
		"kind = ?0 AND scope = ?1 AND version = (SELECT max(version) FROM bundles WHERE kind = ?0 AND scope = ?1)", string(kind), scope)
}

// Bundle finds a version of a bundle.
func (s *Store) Bundle(ctx context.Context, kind model.BundleKind, scope string, version int64) (*model.Bundle, error) {
	return s.bundle(ctx, fmt.Sprintf("%s/%s/%d", kind, scope, version), "kind = ? AND scope = ? AND version = ?", string(kind), scope, version)
}

func (s *Store) bundle(ctx context.Context, id, where string, args ...any) (*model.Bundle, error) {
	var r bundleRow
	if err := s.one(ctx, "bundle", id, &r, where, args...); err != nil {
		return nil, err
	}
	return r.model(), nil
}

// deleteBundles removes what nodes of a tenant would take.
func deleteBundles(ctx context.Context, db bun.IDB, tenant string) error {
	// '0' is what follows '/'.
	_, err := db.NewRaw("DELETE FROM bundles WHERE kind IN (?) AND (scope = ? OR scope > ? AND scope < ?)",
		bun.List([]string{string(model.BundlePolicies), string(model.BundleSettings), string(model.BundleMaintenance), string(model.BundleAccounts)}), tenant, tenant+"/", tenant+"0").Exec(ctx)
	return err
}
