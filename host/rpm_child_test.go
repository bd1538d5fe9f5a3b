package host

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/rpms"
)

// childName is what this test's own binary is called where it is the reader.
const childName = "reader-of-rpm"

func TestMain(m *testing.M) {
	if os.Args[0] == childName {
		os.Exit(ServeRPM(os.Args[1:], os.Stderr))
	}
	os.Exit(m.Run())
}

func rpmChild(timeout time.Duration) RPMChild {
	return RPMChild{Program: "/proc/self/exe", Args: []string{childName}, Timeout: timeout}
}

// nothingLeft fails when this process has a child, a file open that it had not, or a file in the directory for copies.
func nothingLeft(t testing.TB) (check func()) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	open := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(list)
	}
	r, w, err := os.Pipe() // the first one has the runtime open more, for good
	must(t, err)
	r.Close()
	w.Close()
	before := open()
	return func() {
		t.Helper()
		if after := open(); after > before {
			t.Errorf("%d open files, before %d", after, before)
		}
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
			t.Errorf("a process is left: %d %v", pid, err)
		}
		if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
			t.Errorf("files are left: %v %v", list, err)
		}
	}
}

func readAll(t *testing.T, read func(context.Context, string, bool, func(RPMPackage)) error, file string, files bool) []RPMPackage {
	t.Helper()
	var list []RPMPackage
	must(t, read(t.Context(), file, files, func(p RPMPackage) { list = append(list, p) }))
	return list
}

func TestRPMChildReadsTheSame(t *testing.T) {
	sqlite, ndb := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	makeRPM(t, sqlite)
	must(t, os.WriteFile(ndb, rpms.NDB(rpms.Some()), 0o600))
	check := nothingLeft(t)
	for _, file := range []string{sqlite, ndb} {
		for _, files := range []bool{false, true} {
			want := readAll(t, ReadRPM, file, files)
			if len(want) != 3 || (want[0].Files != nil) != files {
				t.Fatalf("%+v", want)
			}
			if d := cmp.Diff(want, readAll(t, rpmChild(time.Minute).Read, file, files)); d != "" {
				t.Errorf("the child differs (-here +there):\n%s", d)
			}
		}
	}
	check()
}

func TestRPMChildDamaged(t *testing.T) {
	all, err := rpms.Damaged(t.TempDir())
	must(t, err)
	for name, damage := range all {
		t.Run(name, func(t *testing.T) {
			h := plant(t, []byte("-- usr/bin/podman --\nx\n-- var/lib/rpm/Packages --\nx\n"))
			h.rpm = rpmChild(time.Minute).Read
			must(t, os.WriteFile(filepath.Join(h.root, "var/lib/rpm/Packages"), damage.Data, 0o600))
			check := nothingLeft(t)
			part, gaps := h.Packages(t.Context())
			var s model.Snapshot
			part(&s)
			if len(s.Host.Packages) > 0 {
				t.Errorf("packages: %v", s.Host.Packages)
			}
			_, more := programsOf(t, h)
			if len(gaps) != 1 || len(more) != 1 || gaps[0].Reason != model.GapMalformed || more[0].Reason != model.GapMalformed {
				t.Fatalf("gaps: %v and %v", gaps, more)
			}
			if d := gaps[0].Detail; !regexp.MustCompile(damage.Says).MatchString(d) || strings.Contains(d, "\n") {
				t.Errorf("%q does not say %q in a line", d, damage.Says)
			}
			check()
		})
	}
}

func TestRPMChildIsKilled(t *testing.T) {
	h := plant(t, []byte("-- var/lib/rpm/Packages --\nx\n"))
	must(t, os.WriteFile(filepath.Join(h.root, "var/lib/rpm/Packages"), rpms.Endless(), 0o600))
	for name, c := range map[string]struct{ own, callers time.Duration }{
		"its own time is over": {time.Second, time.Hour},
		"the caller's is":      {time.Hour, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			check := nothingLeft(t)
			h.rpm = rpmChild(c.own).Read
			ctx, cancel := context.WithTimeout(t.Context(), c.callers)
			defer cancel()
			start := time.Now()
			_, gaps := h.Packages(ctx)
			if took := time.Since(start); len(gaps) != 1 || gaps[0].Reason != model.GapTimeout || took < time.Second || took > time.Minute {
				t.Errorf("after %s: %v", took, gaps)
			}
			check()
		})
	}
}

// A reader that nobody listens to ends by itself, also in an endless loop.
func TestRPMChildEndsWithItsParent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "Packages")
	must(t, os.WriteFile(file, rpms.Endless(), 0o600))
	r, w, err := os.Pipe()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{childName, file}
	cmd.ExtraFiles = []*os.File{w}
	must(t, cmd.Start())
	w.Close()
	time.Sleep(200 * time.Millisecond) // it is in the loop, or not yet: it ends in both cases
	r.Close()
	if err := cmd.Wait(); ctx.Err() != nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("ended with %v", err)
	}
}

func TestRPMChildAlone(t *testing.T) {
	for _, args := range [][]string{{}, {"a", "b"}, {"--files"}, {"a"}} {
		cmd := exec.Command("/proc/self/exe")
		cmd.Args = append([]string{childName}, args...)
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(said.String(), "usage") && !strings.Contains(said.String(), "pipe") {
			t.Errorf("%q: %v: %s", args, err, &said)
		}
	}
}

func TestRPMChildThatDoesNotStart(t *testing.T) {
	check := nothingLeft(t)
	c := RPMChild{Program: "/nonexistent", Args: []string{"x"}, Timeout: time.Minute}
	if err := c.Read(t.Context(), "x", false, func(RPMPackage) {}); !errors.Is(err, os.ErrNotExist) || errors.Is(err, errMalformed) {
		t.Error(err)
	}
	check()
}

func TestRPMChildThatEndsBadly(t *testing.T) {
	for script, want := range map[string]string{
		"exit 3":                                "exit status 3",
		"kill -9 $$":                            "signal: killed",
		"echo hello >&3":                        "invalid character",
		"printf '{\"name\":' >&3; echo why >&2": "why",
		"echo why >&2; echo more >&2; exit 1":   "why",
	} {
		c := RPMChild{Program: "/bin/sh", Args: []string{"sh", "-c", script}, Timeout: time.Minute}
		err := c.Read(t.Context(), "x", false, func(RPMPackage) {})
		if !errors.Is(err, errMalformed) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "more") {
			t.Errorf("%s: %v", script, err)
		}
	}
}

func TestRPMChildSaysTooMuch(t *testing.T) {
	manyFiles := `{"name":"a","files":["` + strings.Repeat(`","`, limitRPMFiles/4) + "\"]}\n"
	for name, r := range map[string]io.Reader{
		"packages": strings.NewReader(strings.Repeat("{\"name\":\"a\"}\n", limitRPMPackages+1)),
		"files":    strings.NewReader(strings.Repeat(manyFiles, 5)),
		"a line":   io.LimitReader(endless('a'), 2*limitRPMLine),
	} {
		t.Run(name, func(t *testing.T) {
			packages, files := 0, 0
			err := parseRPM(r, func(p RPMPackage) { packages++; files += len(p.Files) })
			if !errors.Is(err, errTooLarge) || packages > limitRPMPackages || files > limitRPMFiles {
				t.Errorf("%d packages, %d files, %v", packages, files, err)
			}
		})
	}
	// A program that never stops to say something is stopped.
	check := nothingLeft(t)
	c := RPMChild{Program: "/bin/sh", Args: []string{"sh", "-c", "yes '{}' >&3"}, Timeout: time.Minute}
	if err := c.Read(t.Context(), "x", false, func(RPMPackage) {}); !errors.Is(err, errTooLarge) {
		t.Error(err)
	}
	check()
}

// endless is a reader of one letter.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

func FuzzRPMAnswer(f *testing.F) {
	f.Add([]byte("{\"name\":\"a\",\"version\":\"1-1\",\"files\":[\"/x\"]}\n{}\n"))
	f.Add([]byte("panic: x\n"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_ = parseRPM(bytes.NewReader(b), func(RPMPackage) {})
	})
}

// FuzzRPM reads through a child, as the product does: in this process the library would leave open files behind until
// there are none to be had, and end the fuzzing with panics that are not ours to mend. What it left can't be closed for
// it either, by number: some of it the garbage collector closes later, and would then close another's.
func FuzzRPM(f *testing.F) {
	seed := filepath.Join(f.TempDir(), "rpmdb.sqlite")
	makeRPM(f, seed)
	b, err := os.ReadFile(seed)
	must(f, err)
	f.Add(b)
	f.Add(rpms.NDB(rpms.Some()))
	damaged, err := rpms.Damaged(f.TempDir())
	must(f, err)
	for _, d := range damaged {
		f.Add(d.Data)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file := filepath.Join(t.TempDir(), "db")
		must(t, os.WriteFile(file, b, 0o600))
		check := nothingLeft(t)
		// Damage is an error, never the end of this process, and an endless loop is stopped.
		err := rpmChild(2*time.Second).Read(t.Context(), file, true, func(RPMPackage) {})
		if err != nil && !errors.Is(err, errMalformed) && !errors.Is(err, errTooLarge) && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		check()
	})
}
