package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-security/bulkhead/guard/sessions"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// recordings is a directory with two recordings whose digests are in an audit log, and keys.
type recordings struct {
	dir, key, log, logKey string
	ids                   []string
}

func guardRun(t *testing.T, out io.Writer, args ...string) (string, int) {
	t.Helper()
	var o, e bytes.Buffer
	a := &App{Out: &o, Err: &e, In: strings.NewReader("")}
	if out != nil {
		a.Out = out
	}
	code := a.Run(t.Context(), append([]string{"guard"}, args...))
	return o.String() + e.String(), code
}

func makeRecordings(t *testing.T) recordings {
	t.Helper()
	root := t.TempDir()
	r := recordings{dir: filepath.Join(root, "sessions"), key: filepath.Join(root, "recordings.key"), log: filepath.Join(root, "audit")}
	out, code := guardRun(t, nil, "keys", "new", r.key)
	if code != ExitOK {
		t.Fatal(out)
	}
	recipient, _, _ := strings.Cut(out, "\n")
	secret, verifier, err := note.GenerateKey(rand.Reader, "bulkhead/one")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	r.logKey = verifier
	l, err := audit.Open(t.Context(), audit.Options{Dir: r.log, Origin: "bulkhead/one", Signer: signer, Batch: 256, BatchAge: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	rec, err := sessions.New(sessions.Options{
		Dir: r.dir, Recipients: []string{recipient}, MostBytes: 1 << 20, MostTotal: 1 << 30,
		Seal: func(ctx context.Context, e sessions.Entry) (string, error) {
			n++
			record := e.Record()
			record.ID, record.Time = fmt.Sprintf("0198-%d", n), time.Now()
			_, err := l.Append(ctx, record)
			return record.ID, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"alice", "bob"} {
		c, err := rec.Begin(t.Context(), sessions.Info{
			Kind: "exec", Account: fmt.Sprint(i), Name: name, Tenant: "acme", ContainerName: "web", Command: []string{"sh"}, Host: "node-1", Framing: sessions.Raw, Required: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c.Out(), "\x1b[31mhello %s\x1b[0m\x1b]52;c;ZXZpbA==\x07\r\n", name)
		if err := c.End(t.Context(), sessions.Ended, ""); err != nil {
			t.Fatal(err)
		}
		r.ids = append(r.ids, c.ID())
	}
	if err := errors.Join(rec.Close(t.Context()), l.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestGuardKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k")
	out, code := guardRun(t, nil, "keys", "new", path)
	if code != ExitOK || !strings.HasPrefix(out, "age1") || strings.Contains(out, "AGE-SECRET") {
		t.Fatal(code, out)
	}
	fi, err := os.Stat(path)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", err, fi.Mode())
	}
	if out, code = guardRun(t, nil, "keys", "new", path); code != ExitError || !strings.Contains(out, "exists already") {
		t.Error(code, out)
	}
	if ids, err := sessions.Identities(path); err != nil || len(ids) != 1 {
		t.Error(err)
	}
}

func TestGuardSessions(t *testing.T) {
	r := makeRecordings(t)
	for _, c := range []struct {
		args []string
		code int
		want []string
		not  string
	}{
		{[]string{"list"}, ExitOK, []string{r.ids[0], "alice", "bob", "ended"}, "hello"},
		{[]string{"list", "--account", "alice"}, ExitOK, []string{"alice"}, "bob"},
		{[]string{"list", "--since", "yesterday"}, ExitError, []string{"--since"}, "bob"},
		{[]string{"show", r.ids[1]}, ExitOK, []string{"bob 1", "sha256:", "0198-2", ".cast.age"}, "hello"},
		{[]string{"show", "0"}, ExitError, []string{"more than one"}, ""},
		{[]string{"show", "nothing"}, ExitError, []string{"no recording"}, ""},
		{[]string{"replay", r.ids[0], "--identity", r.key}, ExitOK, []string{"hello alice\n"}, "\x1b"},
		{[]string{"replay", r.ids[0]}, ExitError, []string{"identity"}, "hello"},
		{[]string{"replay", r.ids[0], "--identity", r.key, "--speed", "0"}, ExitError, []string{"--speed"}, "hello"},
		{[]string{"replay", r.ids[0], "--identity", r.key, "--speed", "NaN"}, ExitError, []string{"--speed"}, "hello"},
		{[]string{"replay", r.ids[0], "--identity", "/dev/null"}, ExitError, []string{"AGE-SECRET-KEY"}, "hello"},
		{[]string{"export", r.ids[0], "--identity", r.key}, ExitOK, []string{`{"version":2`, `\u001b]52;c;`, `"account_name":"alice"`}, ""},
		{[]string{"verify", "--all", "--log", r.log, "--key", r.logKey}, ExitOK, []string{"verified", "bulkhead/one/0", "bulkhead/one/1"}, "NOT VERIFIED"},
		{[]string{"verify", "--all", r.ids[0]}, ExitError, []string{"--all"}, ""},
		{[]string{"verify", "--all", "--log", r.log}, ExitError, []string{"--key"}, ""},
		{[]string{"prune"}, ExitOK, []string{"0 recordings removed"}, ""},
		{[]string{"prune", "--most-total", "1"}, ExitError, []string{"remove 2 recordings", "--yes"}, ""},
		{[]string{"prune", "--most-total", "1", "--dry-run"}, ExitOK, []string{"2 recordings would be removed"}, ""},
	} {
		out, code := guardRun(t, nil, append([]string{"sessions", "--dir", r.dir}, c.args...)...)
		if code != c.code {
			t.Errorf("%v: exit %d: %s", c.args, code, out)
		}
		for _, w := range c.want {
			if !strings.Contains(out, w) {
				t.Errorf("%v lacks %q:\n%s", c.args, w, out)
			}
		}
		if c.not != "" && strings.Contains(out, c.not) {
			t.Errorf("%v has %q:\n%s", c.args, c.not, out)
		}
	}
	other := filepath.Join(t.TempDir(), "other")
	if out, code := guardRun(t, nil, "keys", "new", other); code != ExitOK {
		t.Fatal(out)
	}
	if out, code := guardRun(t, nil, "sessions", "--dir", r.dir, "replay", r.ids[0], "--identity", other); code != ExitError || !strings.Contains(out, "encrypted for other keys") {
		t.Error(code, out)
	}
	cast := filepath.Join(t.TempDir(), "a.cast")
	if out, code := guardRun(t, nil, "sessions", "--dir", r.dir, "export", r.ids[0], "--identity", r.key, "--out", cast); code != ExitOK {
		t.Error(out)
	}
	if fi, err := os.Stat(cast); err != nil || fi.Mode().Perm() != 0o600 {
		t.Error(err, fi.Mode())
	}
	var listed struct {
		Schema     string
		Recordings []sessions.Entry
	}
	out, _ := guardRun(t, nil, "sessions", "--dir", r.dir, "list", "-o", "json")
	if err := json.Unmarshal([]byte(out), &listed); err != nil || listed.Schema != "bulkhead.sessions/v1" || len(listed.Recordings) != 2 || listed.Recordings[0].AccountName != "bob" {
		t.Errorf("%v %s", err, out)
	}
}

// What is changed, by hand or by who forges the file in plain text, too, does not verify; nor does a log that was changed.
func TestGuardSessionsForged(t *testing.T) {
	r := makeRecordings(t)
	e, err := sessions.Find(r.dir, r.ids[0])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.dir, e.File())
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	digest, _, err := sessions.Digest(r.dir, *e)
	if err != nil {
		t.Fatal(err)
	}
	beside := strings.TrimSuffix(path, ".cast.age") + ".json"
	b, err := os.ReadFile(beside)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(beside, bytes.Replace(b, []byte(e.Digest), []byte(digest), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	verify := []string{"sessions", "--dir", r.dir, "verify", "--all", "--log", r.log, "--key", r.logKey}
	out, code := guardRun(t, nil, verify...)
	if code != ExitNo || !strings.Contains(out, "the file was changed") || strings.Count(out, "NOT VERIFIED") != 1 {
		t.Error(code, out)
	}
	err = filepath.WalkDir(r.log, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, "/entries/") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, bytes.ReplaceAll(b, []byte(e.Digest), []byte(digest)), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if out, code := guardRun(t, nil, verify...); code != ExitNo || !strings.Contains(out, "the audit log itself is not what was signed") {
		t.Error(code, out)
	}
}

// On a terminal a recording is shown with its colours, and without what does harm.
func TestReplayOnTerminal(t *testing.T) {
	r := makeRecordings(t)
	screen, slave := pty(t)
	out, code := guardRun(t, slave, "sessions", "--dir", r.dir, "replay", r.ids[0], "--identity", r.key, "--speed", "1000")
	if code != ExitOK || !strings.Contains(out, "exec of alice in web on node-1") {
		t.Error(code, out)
	}
	slave.Close()
	shown, err := io.ReadAll(screen) // it ends with EIO when nobody has the other side any more
	if got := string(shown); !errors.Is(err, unix.EIO) || !strings.HasPrefix(got, "\x1b[31mhello alice\x1b[0m\r") || strings.Contains(got, "52;c") || !strings.Contains(got, "\x1b[?25h") {
		t.Errorf("%v %q", err, got)
	}
}

// pty is a terminal.
func pty(t *testing.T) (screen, slave *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return screen, slave
}

// searchingPlane answers searches with the entries of a log whose resource is in the filter.
type searchingPlane struct {
	bulkheadv1connect.UnimplementedAuditServiceHandler
	entries [][]byte
}

func (p *searchingPlane) SearchRecords(_ context.Context, r *bulkheadv1.SearchRecordsRequest) (*bulkheadv1.SearchRecordsResponse, error) {
	res := &bulkheadv1.SearchRecordsResponse{}
	for i, e := range p.entries {
		record, err := audit.Decode(e)
		if err != nil {
			return nil, err
		}
		if r.GetPage().GetFilter() != fmt.Sprintf(`action = "SessionRecorded" AND resource_type = "Recording" AND resource = "%s"`, record.Resource.ID) {
			continue
		}
		event := &structpb.Struct{}
		if err := protojson.Unmarshal(e, event); err != nil {
			return nil, err
		}
		res.Records = append(res.Records, &bulkheadv1.Record{Id: fmt.Sprintf("bulkhead/node/n/%d", i), Event: event})
	}
	return res, nil
}

func TestGuardSessionsVerifiedByServer(t *testing.T) {
	r := makeRecordings(t)
	p := &searchingPlane{}
	err := audit.Scan(t.Context(), r.log, 2, func(e model.LogRecord) error {
		p.entries = append(p.entries, e.Event)
		return nil
	})
	if err != nil || len(p.entries) != 2 {
		t.Fatal(err, len(p.entries))
	}
	mux := http.NewServeMux()
	mux.Handle(bulkheadv1connect.NewAuditServiceHandler(p))
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	s := newShell(t)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	if err := (&App{Environ: []string{"XDG_CONFIG_HOME=" + s.home}}).keepSession(server.URL, session{CA: ca, Secret: "bhs_first", Name: "alice", Tenant: "system"}); err != nil {
		t.Fatal(err)
	}
	args := []string{"guard", "sessions", "--dir", r.dir, "verify", "--all"}
	if code, out, errs := s.run(t, args...); code != ExitOK || !strings.Contains(out, "bulkhead/node/n/1") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	all := p.entries
	p.entries = all[:1]
	if code, out, errs := s.run(t, args...); code != ExitNo || !strings.Contains(out, "the audit log has no record of it") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	// A later record does not replace the first.
	p.entries = append(all, bytes.ReplaceAll(all[0], []byte("sha256:"), []byte("sha256:0")))
	if code, out, errs := s.run(t, args...); code != ExitNo || !strings.Contains(out, "the file was changed") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}
