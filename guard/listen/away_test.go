package listen

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTakeOver has one server take the socket of another, while a call at the earlier one goes on.
func TestTakeOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	u := Unix{Path: path, Mode: 0o600}
	begun, go_ := make(chan struct{}), make(chan struct{})
	earlier, err := Open(Options{Unix: u, Limits: outlasting(), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(begun)
			<-go_
		}
		hello(w, r)
	})})
	must(t, err)
	ended := make(chan error, 1)
	go func() { ended <- earlier.Run(context.Background()) }()
	slow := make(chan string, 1)
	go func() {
		got, err := get(local(path), "http://x/slow")
		if err != nil {
			got = err.Error()
		}
		slow <- got
	}()
	<-begun

	// Not yet: it stops and goes on.
	must(t, earlier.Pause())
	waits := make(chan string, 1)
	go func() { got, _ := get(local(path), "http://x/"); waits <- got }()
	select {
	case got := <-waits:
		t.Fatal("a call is served in between: ", got)
	case <-time.After(100 * time.Millisecond):
	}
	must(t, earlier.Resume())
	if got := <-waits; !strings.HasPrefix(got, "200 hello") {
		t.Fatal(got)
	}

	sockets, err := earlier.Sockets()
	must(t, err)
	must(t, earlier.Pause())
	given, err := TakeOver(sockets, Unix{Path: path, Mode: 0o640}, TLS{})
	must(t, err)
	_, stop := serving(t, Options{Handler: http.HandlerFunc(hello), Unix: Unix{Path: path, Mode: 0o640}, Limits: limits(), Activated: given})
	must(t, earlier.Given())
	if got, err := get(local(path), "http://x/"); err != nil || !strings.HasPrefix(got, "200 hello") {
		t.Error(got, err)
	}
	if is, err := os.Lstat(path); err != nil || is.Mode().Perm() != 0o640 {
		t.Errorf("the socket is not as the later one wants it: %v %v", is, err)
	}
	close(go_)
	if got := <-slow; !strings.HasPrefix(got, "200 hello") {
		t.Error("the call at the earlier one: ", got)
	}
	must(t, <-ended)
	if _, err := os.Lstat(path); err != nil {
		t.Error("the earlier one took the socket away")
	}
	must(t, stop())
	if _, err := os.Lstat(path); err == nil {
		t.Error("the later one left the socket behind")
	}
}

// TestTakeOverThatFails: a server that takes a socket over and then does not stand leaves it as it was.
func TestTakeOverThatFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	earlier, _ := serving(t, Options{Handler: http.HandlerFunc(hello), Unix: Unix{Path: path, Mode: 0o640}, Limits: limits()})
	must(t, os.Chown(path, -1, 12345)) // by whoever looks after the machine
	sockets, err := earlier.Sockets()
	must(t, err)
	must(t, earlier.Pause())
	if _, err = TakeOver(sockets, Unix{Path: path, Mode: 0o666, Group: "0"}, TLS{}); err != nil {
		t.Fatal(err)
	}
	must(t, earlier.Resume())
	is, err := os.Lstat(path)
	must(t, err)
	if st, ok := is.Sys().(*syscall.Stat_t); !ok || is.Mode().Perm() != 0o640 || st.Gid != 12345 {
		t.Errorf("the socket is as the other one wanted it: %v %+v", is.Mode(), is.Sys())
	}
	if got, err := get(local(path), "http://x/"); err != nil || !strings.HasPrefix(got, "200 hello") {
		t.Error(got, err)
	}
}

// TestOutlastAndLost: what goes on after a handover ends when it has gone on for long enough, or when the other process is gone.
func TestOutlastAndLost(t *testing.T) {
	for _, lost := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "s")
		l := limits()
		l.Outlast, l.Drain = time.Minute, 50*time.Millisecond
		if !lost {
			l.Outlast = 300 * time.Millisecond
		}
		begun := make(chan struct{})
		why := make(chan error, 1)
		s, err := Open(Options{Unix: Unix{Path: path, Mode: 0o600}, Limits: l, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(begun)
			<-r.Context().Done()
			why <- context.Cause(r.Context())
		})})
		must(t, err)
		ended := make(chan error, 1)
		go func() { ended <- s.Run(context.Background()) }()
		go func() { _, _ = get(local(path), "http://x/") }()
		<-begun
		must(t, s.Pause())
		must(t, s.Given())
		want := ErrOutlasted
		if lost {
			s.Lost()
			want = ErrLost
		}
		if got := <-why; !errors.Is(got, want) {
			t.Errorf("it ended with %v, not %v", got, want)
		}
		must(t, <-ended)
	}
}

func outlasting() Limits {
	l := limits()
	l.Outlast = time.Minute
	return l
}

// TestTakeOverElsewhere lets go of sockets at which this guard is not to listen.
func TestTakeOverElsewhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s, _ := serving(t, Options{Handler: http.HandlerFunc(hello), Unix: Unix{Path: path, Mode: 0o600}, Limits: limits()})
	sockets, err := s.Sockets()
	must(t, err)
	given, err := TakeOver(sockets, Unix{Path: path + "2", Mode: 0o600}, TLS{})
	if err != nil || given.unix != nil || given.tcp != nil {
		t.Errorf("%+v %v", given, err)
	}
}
