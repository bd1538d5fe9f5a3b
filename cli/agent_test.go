package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/model"
)

// fakeAgent is an agent that joins and ends.
type fakeAgent struct {
	joined bool
	token  string
	join   *AgentJoin
	dir    string
	status model.AgentStatus
	parts  []model.AgentPart
}

func (f *fakeAgent) Run(_ context.Context, _ config.Config, _ func() (config.Config, error), dir string, join *AgentJoin, _ *slog.Logger, _ io.Writer) error {
	f.dir, f.join = dir, join
	if f.joined {
		return nil
	}
	if join == nil {
		return &model.Error{Code: model.CodeNotFound, Message: "not joined", Remedy: "Join."}
	}
	var err error
	if f.token, err = join.Token(); err != nil {
		return err
	}
	f.joined = true
	return join.Joined()
}

func (f *fakeAgent) Status(string) (*model.AgentStatus, error) { return &f.status, nil }

func (f *fakeAgent) Doctor(context.Context, config.Config, string) []model.AgentPart { return f.parts }

func (f *fakeAgent) Leave(string) (string, error) { return "/kept", nil }

func runAgent(t *testing.T, f *fakeAgent, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	a := &App{Agent: f, In: strings.NewReader(stdin), Out: &o, Err: &e, Environ: []string{"BULKHEAD_AGENT_DATA_DIR=/data"}}
	code = a.Run(t.Context(), append([]string{"agent"}, args...))
	return code, o.String(), e.String()
}

func tokenFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAgentJoins(t *testing.T) {
	path := tokenFile(t, "bhj_x\n", 0o600)
	f := &fakeAgent{}
	code, _, errs := runAgent(t, f, "", "--join", "https://h#ca=sha256:x", "--token-file", path, "--name", "web-1", "--server", "https://a", "--server", "https://b")
	if code != ExitOK || f.token != "bhj_x" || f.dir != "/data" || f.join.Name != "web-1" || strings.Join(f.join.Servers, " ") != "https://a https://b" {
		t.Errorf("%d, %s, %+v", code, errs, f)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error("the token file was removed without being asked")
	}
	if code, _, errs := runAgent(t, &fakeAgent{}, "", "--join", "https://h", "--token-file", path, "--remove-token", "--data-dir", "/other"); code != ExitOK {
		t.Errorf("%d, %s", code, errs)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the token file is still there")
	}
	f = &fakeAgent{}
	if code, _, errs := runAgent(t, f, " bhj_y \n", "--join", "https://h", "--token-file", "-"); code != ExitOK || f.token != "bhj_y" {
		t.Errorf("%d, %s, %q", code, errs, f.token)
	}
	// Later runs need neither.
	if code, _, errs := runAgent(t, &fakeAgent{joined: true}, ""); code != ExitOK {
		t.Errorf("%d, %s", code, errs)
	}
	if code, _, errs := runAgent(t, &fakeAgent{joined: true}, "", "--join", "https://h", "--token-file", "/nonexistent", "--remove-token"); code != ExitOK {
		t.Errorf("%d, %s", code, errs)
	}
}

func TestAgentRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nothing":                  {nil, "Join."},
		"no token":                 {[]string{"--join", "https://h"}, "--token-file"},
		"a token without --join":   {[]string{"--token-file", "x"}, "--join"},
		"a file that is not there": {[]string{"--join", "https://h", "--token-file", "/nonexistent"}, "nonexistent"},
		"a file that all can read": {[]string{"--join", "https://h", "--token-file", tokenFile(t, "bhj_x", 0o644)}, "everybody"},
		"no token in the file":     {[]string{"--join", "https://h", "--token-file", tokenFile(t, "two words", 0o600)}, "no join token"},
		"two ways to trust":        {[]string{"--join", "https://h#ca=sha256:x", "--ca-file", "ca.pem"}, "--ca-file"},
		"to remove standard input": {[]string{"--join", "https://h", "--token-file", "-", "--remove-token"}, "file"},
		"a word":                   {[]string{"bhj_secret"}, "bhj_secret"},
	} {
		f := &fakeAgent{}
		if code, _, errs := runAgent(t, f, "", c.args...); code != ExitError || !strings.Contains(errs, c.want) || f.joined {
			t.Errorf("%s: %d, %s", name, code, errs)
		}
	}
}

func TestAgentStatus(t *testing.T) {
	f := &fakeAgent{status: model.AgentStatus{
		Schema: model.AgentStatusSchema, Node: "n1", Name: "web-1", Tenant: "acme", Running: true, Connected: true, Policies: 7, Assignment: 2,
		Pool: "gpu", Error: "an\x1b[31m error", Spooled: 12, LastContact: time.Now(),
	}}
	code, out, errs := runAgent(t, f, "", "status")
	for _, w := range []string{"web-1", "n1", "acme", "yes", "policies 7", "pool gpu", "12 bytes"} {
		if !strings.Contains(out, w) {
			t.Errorf("lacks %q:\n%s", w, out)
		}
	}
	if code != ExitOK || strings.Contains(out, "\x1b") {
		t.Errorf("%d, %s%s", code, out, errs)
	}
	f.status.Running = false
	code, out, errs = runAgent(t, f, "", "status", "--output", "json")
	var s model.AgentStatus
	if err := json.Unmarshal([]byte(out), &s); err != nil || s.Policies != 7 || code != ExitNo || !strings.Contains(errs, "no agent runs") {
		t.Errorf("%d, %v, %s%s", code, err, out, errs)
	}
}

func TestAgentDoctor(t *testing.T) {
	f := &fakeAgent{parts: []model.AgentPart{
		{Part: "disk", Needed: true, Works: true, Detail: "free"}, {Part: "BPF", Needs: "types", Detail: "none", Remedy: "another kernel"},
	}}
	code, out, errs := runAgent(t, f, "", "doctor")
	if code != ExitOK || !strings.Contains(out, "works    disk") || !strings.Contains(out, "missing  BPF") || !strings.Contains(out, "another kernel") {
		t.Errorf("%d, %s%s", code, out, errs)
	}
	f.parts[0].Works = false
	code, out, _ = runAgent(t, f, "", "doctor", "-o", "json")
	var d agentDiagnosis
	if err := json.Unmarshal([]byte(out), &d); err != nil || code != ExitNo || d.OK || len(d.Parts) != 2 {
		t.Errorf("%d, %v, %s", code, err, out)
	}
	if code, out, _ = runAgent(t, f, "", "doctor"); code != ExitNo || !strings.Contains(out, "MISSING  disk") {
		t.Errorf("%d, %s", code, out)
	}
}

func TestAgentLeave(t *testing.T) {
	if code, out, errs := runAgent(t, &fakeAgent{}, "", "leave"); code != ExitOK || !strings.Contains(out, "/kept") {
		t.Errorf("%d, %s%s", code, out, errs)
	}
}
