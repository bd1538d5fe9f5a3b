//go:build e2e

package guard

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// notice is how long clients may take to notice that the other end is gone.
const notice = 40 * time.Second

// hanging are calls that last, each on the container NAME.
var hanging = []string{
	"docker logs -f NAME", "docker attach --no-stdin NAME", "docker exec NAME sleep 600", "docker wait NAME", "docker events",
}

// hang starts the calls, and gives what waits for their end.
func hang(t *testing.T, s *side, c client, name string) (ended func(what string)) {
	t.Helper()
	done := make(chan string, len(hanging))
	for _, call := range hanging {
		call = strings.Replace(call, "NAME", name, 1)
		go func() {
			done <- fmt.Sprint(call, ": ", s.run(context.WithoutCancel(t.Context()), c, "timeout 60 "+call))
		}()
	}
	time.Sleep(3 * time.Second) // until all of them hang
	select {
	case call := <-done:
		t.Fatalf("it ended at once: %s", call)
	default:
	}
	return func(what string) {
		t.Helper()
		end := time.After(notice)
		var noticed []string
		for range hanging {
			select {
			case call := <-done:
				noticed = append(noticed, call)
			case <-end:
				t.Fatalf("%s: only these of %q notice: %q", what, hanging, noticed)
			}
		}
	}
}

// TestEndsOfGuardAndEngine: when the guard's process or the engine is killed, whoever was in the middle of something is told by the end of it,
// containers go on where the guard ended, and both work again when they are there again.
func TestEndsOfGuardAndEngine(t *testing.T) {
	for _, kind := range []lab.Kind{lab.Debian, lab.Current} {
		t.Run(string(kind), func(t *testing.T) {
			old, newest := clients(t)
			c := old
			if kind == lab.Current {
				c = newest
			}
			s := newSide(t, kind, "a")
			if err := s.equip(c); err != nil {
				t.Fatal(err)
			}
			guard := startGuard(t, s.dir, s.engine.Socket, "baseline")
			s.socket = guard.socket
			up := func(what string) {
				t.Helper()
				if a := s.run(t.Context(), c, "docker start web"); a.code != 0 {
					t.Fatalf("%s: %s", what, a)
				}
				if a := s.run(t.Context(), c, "docker exec web sh -c 'echo through'"); a.out != "through\n" {
					t.Fatalf("%s: %s", what, a)
				}
			}
			if a := s.run(t.Context(), c, "docker create --name web lab/sh:1 sleep 600"); a.code != 0 {
				t.Fatal(a)
			}
			up("at first")

			ended := hang(t, s, c, "web")
			if err := guard.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			ended("the guard is killed")
			out, err := exec.CommandContext(t.Context(), "/usr/bin/docker", "-H", "unix://"+s.engine.Socket, "inspect", "-f", "{{.State.Running}}", "web").CombinedOutput()
			if err != nil || string(out) != "true\n" {
				t.Errorf("the guard's end is the container's: %s %v", out, err)
			}
			s.socket = startGuard(t, s.dir, s.engine.Socket, "baseline").socket
			up("the guard is there again")

			ended = hang(t, s, c, "web")
			s.engine.Kill()
			ended("the engine is killed")
			if a := s.run(t.Context(), c, "docker ps"); a.code == 0 {
				t.Errorf("without an engine: %s", a)
			}
			if err := s.engine.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			up("the engine is there again")
		})
	}
}
