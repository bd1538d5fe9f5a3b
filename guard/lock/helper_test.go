package lock_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/lock"
	"github.com/bulkhead-security/bulkhead/model"
)

// askVariable has this test's program, or a copy of it, ask an engine and stay connected until its input ends.
// With quietVariable it asks nothing.
const (
	askVariable   = "BULKHEAD_TEST_ASK"
	quietVariable = "BULKHEAD_TEST_QUIET"
	// With listenVariable it is an engine, as far as the lock sees one; with tcpVariable it listens there, too.
	listenVariable = "BULKHEAD_TEST_LISTEN"
	tcpVariable    = "BULKHEAD_TEST_TCP"
)

func TestMain(m *testing.M) {
	if socket := os.Getenv(askVariable); socket != "" {
		conn, err := net.Dial("unix", socket)
		if err == nil && os.Getenv(quietVariable) == "" {
			_, err = io.WriteString(conn, "GET /_ping HTTP/1.1\r\nHost: engine\r\n\r\n")
		}
		answer := make([]byte, 15)
		if err == nil && os.Getenv(quietVariable) == "" {
			_, err = io.ReadFull(conn, answer)
		}
		fmt.Printf("%s %v\n", answer, err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	if socket := os.Getenv(listenVariable); socket != "" {
		os.Exit(pretend(socket, os.Getenv(tcpVariable)))
	}
	os.Exit(m.Run())
}

// pretend does what of an engine the lock sees: it listens, answers, and goes on until its input ends.
func pretend(socket, tcp string) int {
	l, err := net.Listen("unix", socket)
	if err == nil && tcp != "" {
		_, err = net.Listen("tcp", tcp)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready")
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
				_, _ = io.Copy(io.Discard, conn) // until the client goes
				conn.Close()
			}()
		}
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// asking is a process that asks an engine; end ends it.
type asking struct {
	pid    int
	answer string
	end    func()
}

// ask starts a program as an account.
func ask(t *testing.T, program, socket string, uid uint32) asking {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Env = []string{askVariable + "=" + socket}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	end := sync.OnceFunc(func() { in.Close(); _ = cmd.Wait() })
	t.Cleanup(end)
	line := make([]byte, 4096)
	n, err := out.Read(line)
	must(t, err)
	return asking{pid: cmd.Process.Pid, answer: string(line[:n]), end: end}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// notebook keeps what the watch tells.
type notebook struct {
	mu       sync.Mutex
	findings []model.Finding
	records  []model.Record
	fail     error // of the audit log
}

func (n *notebook) found(f model.Finding) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.findings = append(n.findings, f)
	return nil
}

func (n *notebook) record(_ context.Context, r model.Record) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail != nil {
		return n.fail
	}
	n.records = append(n.records, r)
	return nil
}

func (n *notebook) has(kind, in string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.findings, func(f model.Finding) bool { return f.Kind == kind && strings.Contains(f.Text.EN+f.Subject, in) })
}

func (n *notebook) recorded(action, in string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.records, func(r model.Record) bool {
		return r.Action == action && strings.Contains(r.Reason+r.Changes["subject"], in)
	})
}

// actions are the records of locks and unlocks, with who did it.
func (n *notebook) actions() (list []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.records {
		list = append(list, r.Action+" "+r.Changes["subject"])
	}
	return list
}

func (n *notebook) kinds() (list []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, f := range n.findings {
		list = append(list, f.Kind+" "+f.Subject+": "+f.Text.EN)
	}
	return list
}

// soon is how long a test waits for what should happen at once; a busy machine may take its time.
const soon = 30 * time.Second

// slowed gives a clock that hardly goes on: what was made a moment ago stays new, however busy the machine is.
func slowed() func() time.Time {
	start := time.Now()
	return func() time.Time { return start.Add(time.Since(start) / 100) }
}

// kept waits until the state says that the lock is recorded.
func (s *scene) kept(t *testing.T) {
	t.Helper()
	eventually(t, "that the lock is recorded is kept", func() bool {
		text, err := os.ReadFile(filepath.Join(s.o.StateDir, "lock.json"))
		return err == nil && strings.Contains(string(text), `"recorded": true`)
	})
}

// eventually waits until it is so, and gives how long that took.
func eventually(t *testing.T, what string, so func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for time.Since(start) < soon {
		if so() {
			return time.Since(start)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("after %s still not: %s", soon, what)
	return 0
}

func modeOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	st := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%04o %d:%d", info.Mode().Perm(), st.Uid, st.Gid)
}

// guardBefore serves what a guard would, as far as the lock asks it.
func guardBefore(t *testing.T, dir, engine string) lock.Options {
	t.Helper()
	at := filepath.Join(dir, "guard.sock")
	l, err := net.Listen("unix", at)
	must(t, err)
	must(t, os.Chmod(at, 0o666))
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	file := filepath.Join(dir, "run", "guard.json")
	must(t, lock.WriteStatus(file, model.GuardStatus{
		PID: os.Getpid(), Started: time.Now(), Engine: engine, Socket: at, Mode: model.ModeEnforce, Profile: "baseline",
	}))
	return lock.Options{Sockets: []string{engine}, StateDir: filepath.Join(dir, "state"), GuardFile: file}
}

// copyOf copies this program under a name: what it is called is what an engine is known by.
func copyOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, b, 0o755))
	return path
}

// startEngine starts what the lock takes for an engine.
func startEngine(t *testing.T, program, socket, tcp string, args ...string) (stop func()) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = []string{listenVariable + "=" + socket, tcpVariable + "=" + tcp}
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	stop = sync.OnceFunc(func() { in.Close(); _ = cmd.Wait() })
	t.Cleanup(stop)
	line := make([]byte, 100)
	n, _ := out.Read(line)
	if string(line[:n]) != "ready\n" {
		t.Fatalf("the engine says %q", line[:n])
	}
	return stop
}

// openTo lets other accounts come as far as the directory.
func openTo(t *testing.T, dir string) string {
	t.Helper()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		must(t, os.Chmod(d, 0o755))
	}
	return dir
}

const nobody = 65534
