package machine

import (
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func all() []string {
	return []string{"CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE", "CAP_NET_ADMIN", "CAP_SYS_ADMIN", "CAP_BPF", "CAP_PERFMON"}
}

func engine(context.Context) (string, error) { return "unix:///run/docker.sock", nil }

// root is a machine's files.
func root(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".gz") {
			z := gzip.NewWriter(f)
			_, err = z.Write([]byte(text))
			err = errors.Join(err, z.Close())
		} else {
			_, err = f.WriteString(text)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const config = `# a comment
CONFIG_FANOTIFY_ACCESS_PERMISSIONS=y
CONFIG_NF_TABLES_BRIDGE=m
CONFIG_WIREGUARD=m
CONFIG_XFRM_USER=m
CONFIG_INET_ESP=y
`

func works(parts []model.AgentPart) map[string]model.AgentPart {
	out := map[string]model.AgentPart{}
	for _, p := range parts {
		out[p.Part] = p
	}
	return out
}

func TestAllIsThere(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"in /proc": {"proc/config.gz": config, "sys/fs/cgroup/cgroup.controllers": "cpu", "sys/kernel/btf/vmlinux": "x"},
		"in /boot": {"proc/sys/kernel/osrelease": "6.1.0\n", "boot/config-6.1.0": config, "sys/fs/cgroup/cgroup.controllers": "cpu", "sys/kernel/btf/vmlinux": "x"},
	} {
		parts := Look(t.Context(), Options{Root: root(t, files), Capabilities: all(), Engine: engine})
		if len(parts) != 10 {
			t.Errorf("%s: %d parts", name, len(parts))
		}
		for _, p := range parts {
			if !p.Works || p.Detail == "" || p.Needs == "" || p.Remedy != "" {
				t.Errorf("%s: %+v", name, p)
			}
		}
	}
}

func TestWhatIsMissingIsToldWithARemedy(t *testing.T) {
	good := map[string]string{"proc/config.gz": config, "sys/fs/cgroup/cgroup.controllers": "cpu", "sys/kernel/btf/vmlinux": "x"}
	without := func(name string) map[string]string {
		out := map[string]string{}
		for k, v := range good {
			if k != name {
				out[k] = v
			}
		}
		return out
	}
	some := func(drop ...string) (out []string) {
		for _, c := range all() {
			if !strings.Contains(strings.Join(drop, " "), c) {
				out = append(out, c)
			}
		}
		return out
	}
	for _, c := range []struct {
		part   string
		files  map[string]string
		caps   []string
		detail string
	}{
		{"files", good, some("CAP_DAC_READ_SEARCH"), "CAP_DAC_READ_SEARCH"},
		{"processes", good, some("CAP_SYS_PTRACE"), "CAP_SYS_PTRACE"},
		{"firewall", good, some("CAP_NET_ADMIN"), "CAP_NET_ADMIN"},
		{"cgroups", without("sys/fs/cgroup/cgroup.controllers"), all(), "not there"},
		{"BPF", without("sys/kernel/btf/vmlinux"), all(), "no type information"},
		{"BPF", good, some("CAP_BPF", "CAP_SYS_ADMIN"), "CAP_BPF"},
		{"fanotify", good, some("CAP_SYS_ADMIN"), "CAP_SYS_ADMIN"},
		{"fanotify", without("proc/config.gz"), all(), "not known"},
		{"nftables for bridges", map[string]string{"proc/config.gz": "CONFIG_X=y\n"}, all(), "CONFIG_NF_TABLES_BRIDGE is not set"},
		{"WireGuard", map[string]string{"proc/config.gz": "# CONFIG_WIREGUARD is not set\nCONFIG_X=y\n"}, all(), "CONFIG_WIREGUARD is not set"},
		{"IPsec", map[string]string{"proc/config.gz": "CONFIG_XFRM_USER=m\n"}, all(), "CONFIG_INET_ESP is not set"},
	} {
		p := works(Look(t.Context(), Options{Root: root(t, c.files), Capabilities: c.caps, Engine: engine}))[c.part]
		if p.Works || !strings.Contains(p.Detail, c.detail) || p.Remedy == "" {
			t.Errorf("%s: %+v", c.part, p)
		}
	}
	p := works(Look(t.Context(), Options{Root: root(t, good), Engine: func(context.Context) (string, error) { return "", errors.New("no socket") }}))["engine"]
	if p.Works || p.Detail != "no socket" || p.Remedy == "" {
		t.Errorf("%+v", p)
	}
	// A module that is loaded counts, whatever the configuration says.
	if p := works(Look(t.Context(), Options{Root: root(t, map[string]string{"sys/module/wireguard/version": "1"}), Capabilities: all(), Engine: engine}))["WireGuard"]; !p.Works {
		t.Errorf("%+v", p)
	}
}

func FuzzReadConfig(f *testing.F) {
	f.Add([]byte(config))
	f.Add([]byte("CONFIG_=\x00\n=\nCONFIG_A==b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		config, err := readConfig(path)
		for k := range config {
			if err == nil && !strings.HasPrefix(k, "CONFIG_") {
				t.Errorf("%q", k)
			}
		}
	})
}
