package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// Replicated are arguments of a primary that can have a standby.
func Replicated() []string {
	return []string{"-c", "wal_level=replica", "-c", "max_wal_senders=8", "-c", "hot_standby=on"}
}

// Standby makes a copy of a running primary that follows it; Following makes the primary wait for it.
func (p *Server) Standby(ctx context.Context) (*Server, error) {
	dir, err := os.MkdirTemp("", "bh-pg")
	if err != nil {
		return nil, fmt.Errorf("directory of the standby: %w", err)
	}
	s := &Server{dir: dir, made: true, bin: p.bin, args: p.args, as: p.as, Log: filepath.Join(dir, "log")}
	if p.as != nil {
		if err := os.Chown(dir, int(p.as.Uid), int(p.as.Gid)); err != nil {
			return nil, errors.Join(fmt.Errorf("directory of the standby: %w", err), s.remove())
		}
	}
	if err := s.follow(ctx, p); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

// follow copies a running primary and follows it.
func (p *Server) follow(ctx context.Context, primary *Server) error {
	cmd := p.command(ctx, "pg_basebackup", "-h", primary.dir, "-U", "postgres", "-D", filepath.Join(p.dir, "data"), "-R", "-X", "stream", "-c", "fast", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	return p.Start(ctx)
}

// Rejoin makes a server that ended the standby of another one, with nothing of what it had: the way back of a primary that was lost.
// It stays at its address.
func (p *Server) Rejoin(ctx context.Context, primary *Server) error {
	if err := os.RemoveAll(filepath.Join(p.dir, "data")); err != nil {
		return fmt.Errorf("data of the lost primary: %w", err)
	}
	return p.follow(ctx, primary)
}

// Promote makes a standby the primary, and waits until it takes changes.
func (p *Server) Promote(ctx context.Context) error {
	c, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return fmt.Errorf("connect to the standby: %w", err)
	}
	defer func() { _ = c.Close(ctx) }()
	var done bool
	if err := c.QueryRow(ctx, "SELECT pg_promote(true, 30)").Scan(&done); err != nil || !done {
		return fmt.Errorf("promote the standby: %v %w", done, err)
	}
	return nil
}

// Following makes the primary acknowledge nothing that its standby has not, and waits until the two are in step.
func (p *Server) Following(ctx context.Context) error {
	for _, q := range []string{"ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"} {
		if err := p.exec(ctx, q); err != nil {
			return fmt.Errorf("wait for the standby: %w", err)
		}
	}
	for {
		c, err := pgx.Connect(ctx, p.URL("postgres"))
		if err != nil {
			return fmt.Errorf("connect to the primary: %w", err)
		}
		var n int
		err = c.QueryRow(ctx, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'sync'").Scan(&n)
		_ = c.Close(ctx)
		if err == nil && n > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no standby follows: %w", errors.Join(err, ctx.Err()))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p *Server) exec(ctx context.Context, q string) error {
	c, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	_, err = c.Exec(ctx, q)
	return err
}

// EitherURL names a database of whichever of the servers takes changes.
func EitherURL(database string, servers ...*Server) string {
	v := url.Values{"sslmode": {"disable"}, "target_session_attrs": {"read-write"}}
	hosts := ""
	for i, s := range servers {
		if i > 0 {
			hosts += ","
		}
		hosts += s.dir
	}
	v.Set("host", hosts)
	return "postgres://postgres@/" + url.PathEscape(database) + "?" + v.Encode()
}
