package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrLost is why what was carried on for another process ended: that has gone, and with it the log and what rights are asked of.
var ErrLost = errors.New("the guard that took over is gone")

// ErrOutlasted is why a call ended that went on for longer than it may after another process took over.
var ErrOutlasted = errors.New("the guard was taken over by another, and waited long enough for this call")

// away is how far the doors are given to another process.
type away struct {
	mu     sync.Mutex
	paused atomic.Bool
	once   sync.Once
	given  chan struct{} // closed when they are the other's
}

func (a *away) is() bool { return a.paused.Load() }

// lastCalls has callers who keep their connection come to the other process with their next call.
func (a *away) lastCalls(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.is() {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// Socket is a listening socket of a server on its way to another process.
type Socket struct {
	Network, Address string // "unix" or "tcp"
	// Made says that the guard made it: whoever has it last takes it away.
	Made bool
	File *os.File
}

// filer is a listener that can be given away.
type filer interface{ File() (*os.File, error) }

// Sockets are copies of the listening sockets, for another process; whoever asks closes them.
func (s *Server) Sockets() (list []Socket, err error) {
	for _, d := range s.doors {
		f, ok := d.raw.(filer)
		if !ok {
			return list, fmt.Errorf("%s can't be given to another process", d.place)
		}
		file, err := f.File()
		if err != nil {
			return list, fmt.Errorf("%s: %w", d.place, err)
		}
		network, address, _ := strings.Cut(d.place, "://")
		list = append(list, Socket{Network: network, Address: address, Made: d.clear != nil, File: file})
	}
	return list, nil
}

// Pause takes no more connections. Those that come wait in the sockets, for another process or for Resume.
func (s *Server) Pause() error {
	s.away.mu.Lock()
	defer s.away.mu.Unlock()
	list, err := s.Sockets()
	if err != nil {
		for _, k := range list {
			err = errors.Join(err, k.File.Close())
		}
		return err
	}
	s.away.paused.Store(true)
	for i, d := range s.doors {
		d.kept, d.gone, d.was = list[i].File, true, nil
		if path, unix := strings.CutPrefix(d.place, "unix://"); unix && d.clear != nil {
			is, serr := os.Lstat(path)
			d.was, err = is, errors.Join(err, serr)
		}
		if cerr := d.raw.Close(); cerr != nil && !errors.Is(cerr, net.ErrClosed) {
			err = errors.Join(err, cerr)
		}
	}
	return err
}

// Resume takes connections again.
func (s *Server) Resume() error {
	s.away.mu.Lock()
	defer s.away.mu.Unlock()
	var err error
	s.away.paused.Store(false)
	for _, d := range s.doors {
		if d.kept == nil {
			continue
		}
		l, lerr := net.FileListener(d.kept)
		err = errors.Join(err, lerr, d.kept.Close(), d.regain())
		d.kept, d.gone = nil, false
		if lerr == nil {
			d.raw = l
			if s.runs {
				s.serve(d)
			}
		}
	}
	return err
}

// regain gives a socket the mode and group that it had before another process made it its own.
func (d *opened) regain() error {
	if d.was == nil {
		return nil
	}
	path := strings.TrimPrefix(d.place, "unix://")
	is, err := os.Lstat(path)
	if err != nil || !os.SameFile(is, d.was) {
		return err
	}
	st, ok := d.was.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: its group is not known", path)
	}
	if err := os.Chown(path, -1, int(st.Gid)); err != nil {
		return fmt.Errorf("give %s back to its group: %w", path, err)
	}
	return os.Chmod(path, d.was.Mode().Perm())
}

// Given says that the doors are another process's now: Run goes on with what is open, and takes no socket away.
func (s *Server) Given() error {
	var err error
	s.away.once.Do(func() {
		s.away.mu.Lock()
		defer s.away.mu.Unlock()
		for _, d := range s.doors {
			d.clear = nil
			if d.kept != nil { // a socket that is open here would let callers wait for nobody when the other has ended
				err = errors.Join(err, d.kept.Close())
				d.kept = nil
			}
		}
		close(s.away.given)
	})
	return err
}

// Lost ends what is open at once.
func (s *Server) Lost() {
	s.end(ErrLost)
	s.held.cut()
}

// outlast waits for what is open, for as long as it may go on.
func (s *Server) outlast(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Limits.Outlast)
	defer cancel()
	s.held.wait(ctx)
	if n := s.held.count(); n > 0 && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		s.o.Log.Warn("calls were cut: another guard took over, and this one waited long enough", "connections", n, "waited", s.o.Limits.Outlast)
		s.end(ErrOutlasted)
	}
}

// TakeOver takes the sockets of a guard that hands over, as far as this one is to listen at the same places; the others are let go of.
func TakeOver(list []Socket, u Unix, t TLS) (a Activated, err error) {
	for _, s := range list {
		a, err = a.take(s, u, t, err)
	}
	return a, err
}

func (a Activated) take(s Socket, u Unix, t TLS, err error) (Activated, error) {
	defer s.File.Close()
	unix := s.Network == "unix" && a.unix == nil && (s.Address == u.Path || !s.Made)
	tcp := s.Network == "tcp" && a.tcp == nil && sameAddress(s.Address, t.Listen)
	if !unix && !tcp {
		return a, err
	}
	l, lerr := net.FileListener(s.File)
	if lerr != nil {
		return a, errors.Join(err, fmt.Errorf("take %s over: %w", s.Address, lerr))
	}
	if tcp {
		a.tcp = l
		return a, err
	}
	a.unix = l
	if s.Made {
		a.at = u.Path
		a.clear, lerr = adopt(u)
	}
	return a, errors.Join(err, lerr)
}

// adopt has a socket that another guard made be as this one is to have it.
func adopt(u Unix) (remove func() error, err error) {
	gid, err := groupID(u.Group)
	if err != nil {
		return nil, err
	}
	if err := makeDir(filepath.Dir(u.Path)); err != nil {
		return nil, fmt.Errorf("the guard's socket %s: %w", u.Path, err)
	}
	is, err := os.Lstat(u.Path)
	if err != nil {
		return nil, fmt.Errorf("the guard's socket: %w", err)
	}
	if is.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("the guard's socket %s: something is there that is no socket; it was left alone", u.Path)
	}
	if err := permit(u.Path, u, gid); err != nil {
		return nil, fmt.Errorf("the guard's socket %s: %w", u.Path, err)
	}
	return func() error { return removeOwn(u.Path, is) }, nil
}

// sameAddress says whether a listener's address is what the settings say.
func sameAddress(at, set string) bool {
	if at == set {
		return true
	}
	a, err1 := net.ResolveTCPAddr("tcp", at)
	b, err2 := net.ResolveTCPAddr("tcp", set)
	return err1 == nil && err2 == nil && set != "" && a.Port == b.Port && (a.IP.Equal(b.IP) || a.IP.IsUnspecified() && (b.IP == nil || b.IP.IsUnspecified()))
}

// Outlasts is how long what is open may go on after Given.
func (s *Server) Outlasts() time.Duration { return s.o.Limits.Outlast }
