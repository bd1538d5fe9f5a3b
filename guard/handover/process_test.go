package handover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slowEnv has this program be a successor that takes everything, and then neither stands nor ends.
const slowEnv = "BULKHEAD_TEST_SLOW_SUCCESSOR"

func TestMain(m *testing.M) {
	if path := os.Getenv(slowEnv); path != "" {
		fmt.Fprintln(os.Stderr, slow(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func slow(path string) error {
	p, err := Reach(path)
	if err != nil {
		return err
	}
	if err := p.Take(context.Background()); err != nil {
		return err
	}
	f, err := os.Open(path + ".held")
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		return err
	}
	time.Sleep(time.Minute)
	return errors.New("nobody ended it")
}

// holding is an earlier guard that can go on only when nobody else has a lock.
type holding struct {
	*earlier
	path string
}

func (h holding) Back(_ context.Context, end func() error) error {
	if err := end(); err == nil || !strings.Contains(err.Error(), "was ended") {
		h.note("not-ended")
	}
	f, err := os.Open(h.path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		h.note("back-in-vain")
		return err
	}
	h.note("back")
	return nil
}

// TestSlowSuccessor: one that has everything and does not stand in time is ended, before the earlier guard opens again what it had.
func TestSlowSuccessor(t *testing.T) {
	e := newEarlier(t)
	path := filepath.Join(e.dir, "handover.sock")
	must(t, os.WriteFile(path+".held", nil, 0o600))
	o := &Offer{guard: holding{e, path + ".held"}, log: slog.New(slog.DiscardHandler), path: path, stand: time.Second, leave: 500 * time.Millisecond}
	must(t, o.open())
	go o.accept(o.l)
	t.Cleanup(func() { must(t, o.Close()) })
	program := exec.CommandContext(t.Context(), os.Args[0])
	program.Env = append(os.Environ(), slowEnv+"="+path)
	var said strings.Builder
	program.Stderr = &said
	must(t, program.Start())
	e.becomes(t, "give back")
	if err := program.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the slow one: %v %s", err, said.String())
	}
}

// TestSuccessorThatEnds is waited for, and not ended.
func TestSuccessorThatEnds(t *testing.T) {
	program := exec.CommandContext(t.Context(), "/bin/sleep", "0.2")
	must(t, program.Start())
	who := processOf(program.Process.Pid)
	defer who.close()
	must(t, who.end(30*time.Second))
	must(t, program.Wait())
	must(t, processOf(os.Getpid()).end(0)) // never itself
}

func (e *earlier) took(pids ...int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.old = pids
}

// TestBefore: a guard tells of those that it took over from, and only those that run count.
func TestBefore(t *testing.T) {
	e, path := offered(t)
	program := exec.CommandContext(t.Context(), "/bin/sleep", "60")
	must(t, program.Start())
	gone := exec.CommandContext(t.Context(), "/bin/true")
	must(t, gone.Run())
	e.took(program.Process.Pid, gone.Process.Pid)
	p := reachedAt(t, path)
	if len(p.Before) != 2 || p.Before[0].PID() != program.Process.Pid || p.Before[1].PID() != 0 {
		t.Errorf("before: %+v", p.Before)
	}
	must(t, program.Process.Kill())
	_ = program.Wait()
	if p.Before[0].PID() != 0 {
		t.Error("one that has ended counts")
	}
	must(t, p.Close())
	e.took(make([]int, mostBefore+1)...)
	if _, err := Reach(path); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Error(err)
	}
}

// refusing is a listener whose first connections can't be accepted.
type refusing struct {
	acceptor
	times int
}

func (r *refusing) AcceptUnix() (*net.UnixConn, error) {
	if r.times--; r.times >= 0 {
		return nil, syscall.EMFILE
	}
	return r.acceptor.AcceptUnix()
}

// TestOfferWithoutFiles: a connection that can't be accepted does not end the offer.
func TestOfferWithoutFiles(t *testing.T) {
	e := newEarlier(t)
	o := &Offer{guard: e, log: slog.New(slog.DiscardHandler), path: filepath.Join(e.dir, "handover.sock"), stand: time.Second, leave: time.Second}
	must(t, o.open())
	ended := make(chan struct{})
	go func() { defer close(ended); o.accept(&refusing{o.l, 2}) }()
	must(t, reachedAt(t, o.path).Close())
	must(t, o.Close())
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Error("it does not end")
	}
}
