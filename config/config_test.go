package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/config"
)

func write(t *testing.T, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFileThenEnvironment(t *testing.T) {
	p := write(t, "lang: zh\nlog: {level: info}\ncollect:\n  timeout: 9s\n  deadline: 5s\nassess:\n  engine_users: [deploy]\n")
	c, err := config.Load(p, []string{"BULKHEAD_LOG_LEVEL=debug", "BULKHEAD_COLLECT_PROBE_REGISTRIES=true", "HOME=/x"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Lang != "zh" || c.Log.Level != "debug" || c.Log.Format != "text" || c.Collect.Timeout != 9*time.Second ||
		!c.Collect.ProbeRegistries || len(c.Assess.EngineUsers) != 1 || c.Assess.MaxImageAgeDays != 180 {
		t.Errorf("got %+v", c)
	}
}

func TestRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		env  []string
		want []string
	}{
		"unknown field":        {file: "lang: en\ncollect:\n  timout: 9s\n", want: []string{"line 3", `"timout"`, `"timeout"`}},
		"unknown deep":         {file: "assess:\n  host_profile:\n    proceses: [x]\n", want: []string{"line 3", `"processes"`}},
		"far from anything":    {file: "zzzzzzzzzz: 1\n", want: []string{"line 1", `unknown field "zzzzzzzzzz"`}},
		"wrong type":           {file: "collect: [1]\n", want: []string{"1"}},
		"no yaml":              {file: "a: b: c: [", want: []string{"config.yaml"}},
		"repeated":             {file: "lang: en\nlang: zh\n", want: []string{"lang"}},
		"bad level":            {file: "log: {level: loud}\n", want: []string{"log.level", "loud", "debug"}},
		"deadline":             {file: "collect: {deadline: 99s}\n", want: []string{"collect.deadline"}},
		"unknown env":          {env: []string{"BULKHEAD_LOG_LEVL=info"}, want: []string{"BULKHEAD_LOG_LEVL", "BULKHEAD_LOG_LEVEL"}},
		"bad env":              {env: []string{"BULKHEAD_COLLECT_TIMEOUT=soon"}, want: []string{"soon"}},
		"bad glob":             {file: "assess: {accepted_os: ['[']}\n", want: []string{"glob"}},
		"days of a token":      {file: "server: {sign_in: {token_days: 367}}\n", want: []string{"token_days", "366"}},
		"life of certificates": {file: "server: {nodes: {certificate: 5m}}\n", want: []string{"server.nodes.certificate", "10m"}},
		"grace":                {file: "server: {nodes: {grace: 9000h}}\n", want: []string{"server.nodes.grace", "8760h"}},
		"exception, no owner":  {file: "assess: {exceptions: [{check: 8.1.c, reason: r, expires: 2030-01-01}]}\n", want: []string{"owner"}},
		"a spool too small":    {file: "agent: {spool: 1000}\n", want: []string{"agent.spool", "4194304"}},
		"facts too often":      {file: "agent: {every: 1s}\n", want: []string{"agent.every", "10s"}},
		"too nice":             {env: []string{"BULKHEAD_AGENT_NICE=20"}, want: []string{"agent.nice", "19"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(write(t, c.file), c.env)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q lacks %q", err, w)
				}
			}
		})
	}
	if _, err := config.Load("/nonexistent/x.yaml", nil); err == nil {
		t.Error("a missing file was accepted")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("lang: zh\ncollect: {timeout: 9s}\n")
	f.Add("assess:\n  exceptions: [{check: 8.1.c, owner: o, reason: r, expires: 2030-01-01}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		p := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(p, nil)
		if err == nil && c.Validate() != nil {
			t.Error("loaded but not valid")
		}
	})
}
