package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

// Admin is the local admin socket: pprof, state, metrics, and why the server is not ready.
type Admin struct {
	Socket string // path; empty means none
	// MetricsListen is host:port on loopback for /metrics in the clear, for a collector on this machine; empty means none.
	MetricsListen string
	// State is shown as JSON at /debug/state. It has no secrets.
	State func() any
	// Recover gives a one-time enrolment link for an account whose person is locked out; nil where there is none.
	Recover func(ctx context.Context, tenant, name string) (link string, err error)
}

type adminServer struct {
	http     *http.Server
	listener net.Listener
	metrics  *http.Server
	open     net.Listener
	log      *slog.Logger
}

func newAdmin(o Admin, h *health, m *Metrics, log *slog.Logger) (*adminServer, error) {
	l, err := listenUnix(o.Socket)
	if err != nil {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	a := &adminServer{listener: &own{Listener: l, log: log}, log: log}
	a.http = &http.Server{Handler: adminMux(o, h, m), ReadHeaderTimeout: headerTimeout, MaxHeaderBytes: maxHeader}
	if o.MetricsListen == "" {
		return a, nil
	}
	if a.open, err = listenLoopback(o.MetricsListen); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	a.metrics = &http.Server{
		Handler: mux, ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, WriteTimeout: headerTimeout, MaxHeaderBytes: maxHeader,
	}
	return a, nil
}

func adminMux(o Admin, h *health, m *Metrics) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /healthz", h.alive)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		state, status := map[string]string{}, http.StatusOK
		for name, err := range h.ask(r.Context()) {
			state[name] = "ok"
			if err != nil {
				state[name], status = err.Error(), http.StatusServiceUnavailable
			}
		}
		writeJSON(w, status, state)
	})
	mux.HandleFunc("GET /debug/state", func(w http.ResponseWriter, _ *http.Request) {
		var state any
		if o.State != nil {
			state = o.State()
		}
		writeJSON(w, http.StatusOK, state)
	})
	if o.Recover != nil {
		mux.HandleFunc("POST /recover", recoverer(o.Recover))
	}
	return mux
}

// recoverer answers the form fields tenant and name with {"link": …} or {"error": …, "remedy": …}.
func recoverer(link func(ctx context.Context, tenant, name string) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 4096)
		at, err := link(r.Context(), r.PostFormValue("tenant"), r.PostFormValue("name"))
		if err == nil {
			writeJSON(w, http.StatusOK, map[string]string{"link": at})
			return
		}
		shown := map[string]string{"error": err.Error()}
		var e *model.Error
		if errors.As(err, &e) {
			shown["error"], shown["remedy"] = e.Message, e.Remedy
		}
		writeJSON(w, http.StatusConflict, shown)
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // the reader went away
}

func (a *adminServer) serve() error {
	if a.metrics != nil {
		go func() {
			if err := a.metrics.Serve(a.open); !errors.Is(err, http.ErrServerClosed) {
				a.log.Error("metrics are no longer served", "error", err)
			}
		}()
	}
	if err := a.http.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin socket: %w", err)
	}
	return nil
}

func (a *adminServer) close() error {
	err := a.http.Close()
	if a.metrics != nil {
		err = errors.Join(err, a.metrics.Close())
	}
	return err
}

// listenUnix makes a socket for this user alone, in place of one that nobody listens at any more.
func listenUnix(path string) (net.Listener, error) {
	if len(path) > 107 {
		return nil, fmt.Errorf("the path %s has more than 107 bytes, which the kernel does not take; name a shorter one with server.admin_socket", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("%s is there and is no socket", path)
		}
		d := net.Dialer{Timeout: time.Second}
		if c, err := d.Dial("unix", path); err == nil {
			_ = c.Close()
			return nil, fmt.Errorf("another server listens at %s", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", path) //nolint:noctx // local
	if err != nil {
		return nil, err
	}
	// The directory is 0700 where the server made it; elsewhere the peer's check holds until this is done.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func listenLoopback(at string) (net.Listener, error) {
	l, err := net.Listen("tcp", at) //nolint:noctx // at start
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return nil, errors.Join(fmt.Errorf("metrics: %s is not a loopback address, and metrics are sent in the clear", at), l.Close())
	}
	return l, nil
}

// own lets in processes of this user and of root only.
type own struct {
	net.Listener
	log *slog.Logger
}

// Accept implements net.Listener.
func (o *own) Accept() (net.Conn, error) {
	for {
		c, err := o.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, err := peerUID(c)
		if err == nil && (uid == 0 || uid == uint32(os.Geteuid())) {
			return c, nil
		}
		o.log.Warn("a process of another user was refused at the admin socket", "uid", uid, "error", err)
		_ = c.Close()
	}
}

func peerUID(c net.Conn) (uint32, error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return 0, errors.New("not a socket")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var cerr error
	if err := raw.Control(func(fd uintptr) { cred, cerr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return 0, err
	}
	if cerr != nil {
		return 0, cerr
	}
	return cred.Uid, nil
}
