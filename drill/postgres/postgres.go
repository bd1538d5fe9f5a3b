// Package postgres starts throw-away PostgreSQL servers from Debian's package, for drills and tests: on a Unix socket of their
// own, with data that is gone with them. It is nothing to keep data in: it does not sync to disk.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options say how to start a PostgreSQL server.
type Options struct {
	// Dir holds everything that the server writes; empty makes one, which Stop removes. Keep its path short, since the
	// socket lies below it.
	Dir string
	// Args are added to the command line, e.g. "-c", "max_connections=50".
	Args []string
}

// Server is a running server from Debian's package, with a database cluster of its own. It listens on a Unix socket
// that only its own user and root reach, and needs no password.
type Server struct {
	// Log is the path of what the server wrote.
	Log  string
	dir  string
	made bool
	bin  string
	args []string
	as   *syscall.Credential
	cmd  *exec.Cmd
	done chan struct{} // closed when the server has ended
	end  error         // how, once done is closed
}

// Start makes a database cluster and starts its server. As root it runs as the user postgres, since the server
// refuses root.
func Start(ctx context.Context, o Options) (*Server, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	p := &Server{dir: o.Dir, bin: bin, args: o.Args}
	if p.dir == "" {
		if p.dir, err = os.MkdirTemp("", "bh-pg"); err != nil {
			return nil, fmt.Errorf("directory of PostgreSQL: %w", err)
		}
		p.made = true
	}
	p.Log = filepath.Join(p.dir, "log")
	if err := p.prepare(ctx); err != nil {
		return nil, errors.Join(err, p.remove())
	}
	if err := p.Start(ctx); err != nil {
		return nil, errors.Join(err, p.remove())
	}
	return p, nil
}

// postgresBin finds the newest installed server.
func postgresBin() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // the pattern is right
	if len(found) == 0 {
		return "", errors.New("PostgreSQL is not installed: apt-get install postgresql")
	}
	slices.SortFunc(found, func(a, b string) int { return postgresMajor(a) - postgresMajor(b) })
	return filepath.Dir(found[len(found)-1]), nil
}

func postgresMajor(path string) int {
	n, err := strconv.Atoi(strings.Split(path, "/")[4])
	if err != nil {
		return 0
	}
	return n
}

func (p *Server) prepare(ctx context.Context) error {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return fmt.Errorf("directory of PostgreSQL: %w", err)
	}
	if os.Geteuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return fmt.Errorf("PostgreSQL refuses to run as root: %w", err)
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32) // they are numbers on Linux
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		p.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(p.dir, int(uid), int(gid)); err != nil {
			return fmt.Errorf("directory of PostgreSQL: %w", err)
		}
		if err := p.enterable(ctx); err != nil {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(p.dir, "data")); err == nil {
		return nil
	}
	cmd := p.command(ctx, "initdb", "-D", filepath.Join(p.dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

// enterable makes sure that the user postgres gets to the directory: where it can't, the programs only say that they don't start.
func (p *Server) enterable(ctx context.Context) error {
	err := p.command(ctx, "initdb", "--version").Run()
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("run initdb as the user postgres in %s: %w", p.dir, err)
	}
	shut := cmp.Or(shutTo(p.dir), filepath.Dir(p.dir))
	return fmt.Errorf("the user postgres, as whom PostgreSQL runs because it refuses root, can't enter %s: %s is closed to it; "+
		"set TMPDIR to a directory that all users may enter (TMPDIR=/var/tmp), or open that one (chmod o+x %s): %w", p.dir, shut, shut, err)
}

// shutTo is the first directory on the way to another one that others than its owner and group may not enter; "" for none.
func shutTo(dir string) string {
	var way []string
	for at := filepath.Dir(dir); at != filepath.Dir(at); at = filepath.Dir(at) {
		way = append(way, at)
	}
	for _, at := range slices.Backward(way) {
		if info, err := os.Stat(at); err == nil && info.Mode().Perm()&0o001 == 0 {
			return at
		}
	}
	return ""
}

func (p *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, name), args...)
	cmd.Dir = p.dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as, Setpgid: true}
	return cmd
}

// Start starts the server again after Halt or Kill, and waits until it answers. What a killed server had started needs
// a moment to notice, and holds its memory for so long: then it is tried again.
func (p *Server) Start(ctx context.Context) error {
	for tries := 50; ; tries-- {
		err := p.start(ctx)
		if err == nil || tries == 0 || !strings.Contains(err.Error(), "pre-existing shared memory block") {
			return err
		}
		if err := os.Truncate(p.Log, 0); err != nil {
			return fmt.Errorf("log of PostgreSQL: %w", err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (p *Server) start(ctx context.Context) error {
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("log of PostgreSQL: %w", err)
	}
	defer log.Close()
	args := append([]string{"-D", filepath.Join(p.dir, "data"), "-k", p.dir, "-c", "listen_addresses=", "-c", "fsync=off"}, p.args...)
	p.cmd = p.command(context.WithoutCancel(ctx), "postgres", args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr.Pdeathsig = syscall.SIGINT
	started := make(chan error)
	p.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		// The server ends with this process, also when a test panics: with the thread that started it, to be exact.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.end = cmd.Wait()
		}
		close(done)
	}(p.cmd, p.done)
	if err := <-started; err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	for {
		if p.answers(ctx) == nil {
			return nil
		}
		select {
		case <-p.done:
			out, _ := os.ReadFile(p.Log)
			return fmt.Errorf("PostgreSQL ended at once: %w: %s", p.end, out)
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w", errors.Join(ctx.Err(), p.Kill()))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *Server) answers(ctx context.Context) error {
	c, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	return c.Ping(ctx)
}

// URL names a database of the server.
func (p *Server) URL(database string) string {
	return "postgres://postgres@/" + url.PathEscape(database) + "?" + url.Values{"host": {p.dir}, "sslmode": {"disable"}}.Encode()
}

// Create makes an empty database and gives its URL.
func (p *Server) Create(ctx context.Context, database string) (string, error) {
	c, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return "", fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer func() { _ = c.Close(ctx) }()
	if _, err := c.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{database}.Sanitize()); err != nil {
		return "", fmt.Errorf("create the database %s: %w", database, err)
	}
	return p.URL(database), nil
}

// Kill ends the server and all that it started as a power cut would.
func (p *Server) Kill() error {
	err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
	return err
}

// Halt ends the server in good order, but does not wait for its clients.
func (p *Server) Halt() error {
	select {
	case <-p.done:
		return nil // it has ended already
	default:
	}
	err := p.cmd.Process.Signal(syscall.SIGINT)
	<-p.done
	return err
}

// Stop ends the server and removes the directory that Start made.
func (p *Server) Stop() error { return errors.Join(p.Halt(), p.remove()) }

func (p *Server) remove() error {
	if !p.made {
		return nil
	}
	return os.RemoveAll(p.dir)
}
