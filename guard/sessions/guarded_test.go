package sessions

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
)

// engine is a session that writes what it is given, and then goes on until it is ended; as guard/daemon/forward carries it.
func engine(wire []byte, tap io.Writer) func(ctx context.Context, w http.ResponseWriter) error {
	return func(ctx context.Context, w http.ResponseWriter) error {
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return err
		}
		defer here.Close()
		stop := context.AfterFunc(ctx, func() { _ = here.SetDeadline(time.Unix(1, 0)) })
		defer stop()
		for _, piece := range [][]byte{[]byte("HTTP/1.1 101 UPGRADED\r\nUpgrade: tc"), []byte("p\r\n\r"), append([]byte("\n"), wire...)} {
			if _, err := here.Write(piece); err != nil {
				return err
			}
		}
		if tap != nil {
			if _, err := tap.Write(wire); err != nil {
				return err
			}
		}
		_, err = io.Copy(io.Discard, here)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
}

// opened opens a session and gives what comes after the head, and what Run gave.
func opened(t *testing.T, g func() *Guarded, run func(ctx context.Context, w http.ResponseWriter) error) (net.Conn, *bufio.Reader, <-chan error) {
	t.Helper()
	ended := make(chan error, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { ended <- g().Run(r.Context(), w, run) }))
	t.Cleanup(s.Close)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST /exec/1/start HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(conn)
	return conn, from, ended
}

func head(t *testing.T, from *bufio.Reader) {
	t.Helper()
	res, err := http.ReadResponse(from, nil) //nolint:bodyclose // the rest is the session
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(err, res)
	}
}

func outcome(t *testing.T, ended <-chan error, want string) {
	t.Helper()
	select {
	case err := <-ended:
		var cut *CutError
		if !errors.As(err, &cut) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the session goes on")
	}
}

// rights holds until it is taken away.
type rights struct {
	mu      sync.Mutex
	changed chan struct{}
	gone    error
	asked   atomic.Int64
}

func newRights() *rights { return &rights{changed: make(chan struct{})} }

func (r *rights) holds(context.Context) error {
	r.asked.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone
}

func (r *rights) change() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

func (r *rights) set(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = err
	close(r.changed)
	r.changed = make(chan struct{})
}

func TestRightEndsOnTerminal(t *testing.T) {
	dir, k, r := private0700(t), key(t), newRights()
	rec := recorder(t, options(t, dir, k))
	c := begin(t, rec, alice)
	g := func() *Guarded {
		return &Guarded{Holds: r.holds, Every: time.Hour, Changed: r.change, Framing: Raw, Recording: c}
	}
	_, from, ended := opened(t, g, engine([]byte("$ "), c.Out()))
	head(t, from)
	r.set(nil) // something else has changed
	if b := make([]byte, 2); true {
		if _, err := io.ReadFull(from, b); err != nil || string(b) != "$ " {
			t.Fatal(err, b)
		}
	}
	r.set(errors.New("alice is no longer an operator"))
	rest, err := io.ReadAll(from)
	if err != nil || string(rest) != "\r\nbulkhead: the session was ended: alice is no longer an operator\r\n" {
		t.Errorf("%v %q", err, rest)
	}
	outcome(t, ended, "no longer an operator")
	if e, err := Find(dir, c.ID()); err != nil || e.Outcome != Cut || e.Why != "alice is no longer an operator" || e.Digest == "" {
		t.Errorf("%v %+v", err, e)
	}
	if _, events, err := read(t, dir, c.ID(), k); err != nil || !strings.Contains(of(events, Output), "no longer an operator") || of(events, Marker) == "" {
		t.Errorf("%v %v", err, events)
	}
}

// In the middle of a frame, and of a frame's head, at its border, and where a frame is larger than anything.
func TestRightEndsInFrames(t *testing.T) {
	for name, c := range map[string]struct {
		wire     []byte
		out      string
		messaged bool
	}{
		"at a border":       {frame(stdout, []byte("whole")), "whole", true},
		"in a frame":        {frame(stdout, []byte("half of"))[:frameHead+4], "half\x00\x00\x00", true},
		"in a frame's head": {append(frame(stdout, []byte("whole")), 1, 0, 0), "whole", false},
		"in a large frame":  {[]byte{1, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 'x'}, "", false},
		"before any":        {nil, "", true},
	} {
		r := newRights()
		g := func() *Guarded {
			return &Guarded{Holds: r.holds, Changed: r.change, Every: time.Hour, Framing: Multiplexed}
		}
		began := make(chan struct{})
		_, from, ended := opened(t, g, func(ctx context.Context, w http.ResponseWriter) error {
			return engine(c.wire, writerFunc(func([]byte) { close(began) }))(ctx, w)
		})
		head(t, from)
		<-began
		r.set(errors.New("the policy changed"))
		rest, err := io.ReadAll(from)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		outcome(t, ended, "the policy changed")
		if !c.messaged {
			if !bytes.Equal(rest, c.wire) {
				t.Errorf("%s: %q", name, rest)
			}
			continue
		}
		var out, errs bytes.Buffer
		if _, err := stdcopy.StdCopy(&out, &errs, bytes.NewReader(rest)); err != nil || out.String() != c.out || !strings.Contains(errs.String(), "bulkhead: the session was ended: the policy changed") {
			t.Errorf("%s: %v %q %q", name, err, out.String(), errs.String())
		}
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

func TestAccessIsOver(t *testing.T) {
	r := newRights()
	until := time.Now().Add(5 * time.Second)
	_, from, ended := opened(t, func() *Guarded { return &Guarded{Holds: r.holds, Every: time.Hour, Until: until, Framing: Raw} }, engine([]byte("$ "), nil))
	head(t, from)
	rest, err := io.ReadAll(from)
	if err != nil || !strings.Contains(string(rest), "access was given until "+until.UTC().Format("15:04:05")) {
		t.Errorf("%v %q", err, rest)
	}
	outcome(t, ended, "access was given until")
}

// The right is asked for again by itself; who can't say whether it holds ends the session.
func TestAskedAgain(t *testing.T) {
	r := newRights()
	_, from, ended := opened(t, func() *Guarded { return &Guarded{Holds: r.holds, Every: time.Second, Framing: Raw} }, engine([]byte("$ "), nil))
	head(t, from)
	for r.asked.Load() < 2 {
		time.Sleep(10 * time.Millisecond)
	}
	r.mu.Lock()
	r.gone = errors.New("the policies can't be read")
	r.mu.Unlock()
	rest, err := io.ReadAll(from)
	if err != nil || !strings.Contains(string(rest), "the policies can't be read") {
		t.Errorf("%v %q", err, rest)
	}
	outcome(t, ended, "the policies can't be read")
}

// Who does not read can't keep a session.
func TestCallerDoesNotRead(t *testing.T) {
	r := newRights()
	flood := func(ctx context.Context, w http.ResponseWriter) error {
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return err
		}
		defer here.Close()
		if _, err := io.WriteString(here, "HTTP/1.1 101 UPGRADED\r\n\r\n"); err != nil {
			return err
		}
		for ctx.Err() == nil {
			if _, err := here.Write(make([]byte, 64<<10)); err != nil {
				return err
			}
		}
		return context.Cause(ctx)
	}
	_, from, ended := opened(t, func() *Guarded { return &Guarded{Holds: r.holds, Changed: r.change, Every: time.Hour, Framing: Raw} }, flood)
	head(t, from)
	time.Sleep(200 * time.Millisecond) // the buffers fill
	r.set(errors.New("the right ended"))
	outcome(t, ended, "the right ended")
}

func TestRequiredRecordingFails(t *testing.T) {
	dir, k, r := private0700(t), key(t), newRights()
	o := options(t, dir, k)
	o.MostBytes = 64 << 10
	rec := recorder(t, o)
	i := alice
	i.Required = true
	c := begin(t, rec, i)
	_, from, ended := opened(t, func() *Guarded { return &Guarded{Holds: r.holds, Every: time.Hour, Framing: Raw, Recording: c} },
		func(ctx context.Context, w http.ResponseWriter) error {
			here, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return err
			}
			defer here.Close()
			fmt.Fprint(here, "HTTP/1.1 101 UPGRADED\r\n\r\n")
			for {
				if _, err := c.Out().Write(make([]byte, 1<<10)); err != nil {
					return err
				}
				c.nudge()
				time.Sleep(time.Millisecond)
			}
		})
	head(t, from)
	rest, err := io.ReadAll(from)
	if err != nil || !strings.Contains(string(rest), "must be recorded and no longer is: the recording has come to its bound") {
		t.Errorf("%v %q", err, rest)
	}
	outcome(t, ended, "must be recorded")
}

func TestEndsByItself(t *testing.T) {
	dir, k, r := private0700(t), key(t), newRights()
	rec := recorder(t, options(t, dir, k))
	c := begin(t, rec, alice)
	conn, from, ended := opened(t, func() *Guarded { return &Guarded{Holds: r.holds, Every: time.Hour, Framing: Raw, Recording: c} }, engine([]byte("bye"), c.Out()))
	head(t, from)
	conn.(*net.TCPConn).CloseWrite()
	rest, err := io.ReadAll(from)
	if err != nil || string(rest) != "bye" {
		t.Errorf("%v %q", err, rest)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if e, err := Find(dir, c.ID()); err != nil || e.Outcome != Ended || e.Why != "" {
		t.Errorf("%v %+v", err, e)
	}
}
