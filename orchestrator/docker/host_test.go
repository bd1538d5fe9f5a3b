package docker

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/system"

	"github.com/bulkhead-security/bulkhead/model"
)

// daemonHost is a host with the process of an engine.
func daemonHost(t *testing.T, cmdline string, more map[string]string) string {
	files := map[string]string{
		"/proc/900/comm": "dockerd\n", "/proc/900/cmdline": strings.ReplaceAll(cmdline, " ", "\x00") + "\x00",
		"/proc/900/environ": "PATH=/opt/bin:/usr/bin\x00HTTPS_PROXY=http://u:" + token + "@p:1\x00HOME=/\x00", "/proc/900/exe": "-> /usr/bin/dockerd",
		"/proc/901/comm": "containerd\n", "/proc/901/stat": "901 (containerd) S 900 0 0", "/proc/901/exe": "-> /usr/bin/containerd",
		"/proc/700/comm": "containerd\n", "/proc/700/stat": "700 (containerd) S 1 0 0", "/proc/700/exe": "-> /opt/other/containerd",
		"/proc/1/comm": "systemd\n",
	}
	for k, v := range more {
		files[k] = v
	}
	return hostRoot(t, files)
}

func TestFindDaemon(t *testing.T) {
	root := daemonHost(t, "/usr/bin/dockerd -H fd:// --label token="+token, nil)
	c := &Client{endpoint: "unix:///run/docker.sock", product: "docker", peer: 1} // systemd opened the socket
	e := collector(root, c)
	d := e.findDaemon()
	check(t, "pid", d.pid, 900)
	check(t, "program", d.exe, "/usr/bin/dockerd")
	check(t, "containerd", d.containerd, "/usr/bin/containerd")
	check(t, "environment", strings.Join(d.environment(), " "), "HTTPS_PROXY")
	if line := strings.Join(e.commandLine(d), " "); strings.Contains(line, token) || !strings.HasPrefix(line, "/usr/bin/dockerd -H fd://") {
		t.Errorf("command line: %s", line)
	}
	write(t, root, "/proc/950/comm", "dockerd\n")
	d = e.findDaemon()
	check(t, "one of two", d.pid, 0)
	check(t, "reason", d.reason, model.GapAbsent)
	write(t, root, "/run/docker.pid", "900\n")
	check(t, "by pid file", e.findDaemon().pid, 900)
	c.peer = 950
	check(t, "by peer", e.findDaemon().pid, 950)
	remote := collector(root, &Client{endpoint: "tcp://h:1", product: "docker"}).findDaemon()
	check(t, "remote", remote.local, false)
	check(t, "remote reason", remote.reason, model.GapUnsupported)
}

func TestListeners(t *testing.T) {
	const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	line := func(i int, port, inode string) string {
		return fmt.Sprintf("   %d: 00000000:%s 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 %s 1 0 100 0 0 10 0\n", i, port, inode)
	}
	root := daemonHost(t, "dockerd", map[string]string{
		"/proc/900/fd/3": "-> socket:[111]", "/proc/900/fd/4": "-> /dev/null",
		// 2375 and Swarm's 2377 are the engine's, 8080 is not.
		"/proc/900/net/tcp": head + line(0, "0947", "111") + line(1, "1F90", "222") + line(2, "0949", "111"),
	})
	e := collector(root, nil)
	d := e.findDaemon()
	got := e.listeners(settings{}, d)
	if len(got) != 1 || got[0] != (model.EngineTCP{Address: "0.0.0.0:2375", Source: "listener"}) {
		t.Errorf("listening: %+v", got)
	}
	s := settings{values: parseFlags(strings.Fields("-H tcp://0.0.0.0:2375 -H unix:///x --tlsverify")), complete: true}
	got = e.listeners(s, d)
	if len(got) != 1 || got[0] != (model.EngineTCP{Address: "0.0.0.0:2375", TLS: true, VerifyClient: true, Source: "flag"}) {
		t.Errorf("by flag: %+v", got)
	}
	s = settings{values: parseFlags(strings.Fields("-H tcp://127.0.0.1 -H tcp://[::1]:99"))}
	got = e.listeners(s, daemon{})
	if len(got) != 2 || got[0].Address != "127.0.0.1:2375" || !got[0].Loopback || !got[1].Loopback || got[0].TLS {
		t.Errorf("loopback: %+v", got)
	}
}

func TestHexAddr(t *testing.T) {
	for in, want := range map[string]string{
		"0100007F:0947": "127.0.0.1:2375", "00000000000000000000000001000000:0947": "[::1]:2375",
		"0000000000000000FFFF00000100007F:0050": "127.0.0.1:80", "xx:1": "", "0100007F": "", "01:0001": "", "": "", ":50": "",
	} {
		a, ok := hexAddr(in)
		if ok != (want != "") || ok && a.String() != want {
			t.Errorf("%q = %v, %v; want %q", in, a, ok, want)
		}
	}
}

func FuzzHexAddr(f *testing.F) {
	f.Add("0100007F:0947")
	f.Fuzz(func(t *testing.T, s string) {
		if a, ok := hexAddr(s); ok != a.IsValid() {
			t.Fatalf("%q: %v, %v", s, a, ok)
		}
	})
}

func TestSockets(t *testing.T) {
	root := shortDir(t)
	gid := os.Getegid()
	write(t, root, "/etc/passwd", "root:x:0:0::/:/bin/sh\nalice:x:1001:1001::/:/bin/sh\nbob:x:1002:1002::/:/bin/sh\nbroken\n")
	write(t, root, "/etc/group", fmt.Sprintf("docker:x:%d:alice\nother:x:4242:bob\n", gid))
	write(t, root, "/var/run", "-> ../run")
	if err := os.MkdirAll(filepath.Join(root, "run/containerd"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"run/docker.sock", "run/containerd/containerd.sock"} {
		l, err := net.Listen("unix", filepath.Join(root, p))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	e := collector(root, &Client{endpoint: "unix:///var/run/docker.sock", product: "docker"})
	look := func(mode, dir os.FileMode) []model.EngineSocket {
		t.Helper()
		if err := os.Chmod(filepath.Join(root, "run/docker.sock"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(root, "run"), dir); err != nil {
			t.Fatal(err)
		}
		list, gaps := e.sockets(settings{}, daemon{local: true}, system.Info{})
		check(t, "gaps", len(gaps), 0)
		check(t, "sockets", len(list), 2)
		return list
	}
	users := func(list []model.EngineSocket) string {
		i := slices.IndexFunc(list, func(s model.EngineSocket) bool { return s.Path == "/run/docker.sock" })
		return strings.Join(list[i].Users, " ")
	}
	list := look(0o660, 0o755)
	check(t, "group's members", users(list), "alice")
	check(t, "mode", list[1].Mode, "0660")
	check(t, "type", list[1].Type, "socket")
	check(t, "engine", list[0].Engine, "containerd")
	check(t, "owner only", users(look(0o600, 0o755)), "")
	check(t, "everybody", users(look(0o666, 0o755)), "alice bob")
	check(t, "closed directory", users(look(0o666, 0o700)), "")
}

func TestOctal(t *testing.T) {
	check(t, "setuid", octal(0o755|os.ModeSetuid), "4755")
	check(t, "sticky", octal(0o777|os.ModeSticky|os.ModeDir), "1777")
	check(t, "plain", octal(0o640), "0640")
}

func TestContentTrust(t *testing.T) {
	on := collector(hostRoot(t, map[string]string{"/etc/environment": "PATH=/bin\nexport DOCKER_CONTENT_TRUST=\"1\"\n"}), nil)
	check(t, "environment file", on.contentTrust(settings{}, daemon{local: true}), true)
	off := collector(hostRoot(t, map[string]string{"/etc/environment": "DOCKER_CONTENT_TRUST=0\n"}), nil)
	check(t, "off", off.contentTrust(settings{}, daemon{local: true}), false)
	check(t, "daemon", off.contentTrust(settings{values: map[string]setting{"content-trust.mode": {"enforced", "file"}}}, daemon{}), true)
}

func TestWhich(t *testing.T) {
	root := daemonHost(t, "dockerd", map[string]string{"/opt/bin/runc": "no program", "/usr/bin/runc": "program"})
	if err := os.Chmod(filepath.Join(root, "usr/bin/runc"), 0o755); err != nil {
		t.Fatal(err)
	}
	e := collector(root, nil)
	d := e.findDaemon()
	check(t, "in PATH", e.which(d, "runc"), "/usr/bin/runc")
	check(t, "absolute", e.which(d, "/opt/bin/runc"), "/opt/bin/runc")
	check(t, "absent", e.which(d, "crun"), "")
}
