package lock

import (
	"bytes"
	"encoding/json"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/sys/mountinfo"
)

const unixHead = "Num       RefCount Protocol Flags    Type St Inode Path\n"

func TestUnixSockets(t *testing.T) {
	got := parseUnix(strings.NewReader(unixHead +
		"0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/docker.sock\n" +
		"ffff8880: 00000003 00000000 00000000 0001 03   777 /run/with space.sock\n" +
		"0000000000000000: 00000003 00000000 00000000 0001 03 778\n" + // no path
		"0000000000000000: 00000002 00000000 00010000 0001 01 779 @/abstract\n" +
		"0000000000000000: 00000002 00000000 00010000 0001 01 780 /tmp/first line\n" + // somebody's "\n" in a path
		"second line\n" +
		"0000000000000000: 00000002 00000000 0001000z 0001 01 781 /x\n" +
		"0000000000000000: 00000002 00000000 00010000 0001 01 -1 /x\n" +
		"x: 1 1 1 1 1 " + strings.Repeat("9", 2*mostUnixLine) + " /x\n" +
		"0000000000000000: 00000002 00000000 00010000 0001 01 782 /run/last.sock"))
	want := []unixSocket{
		{12345, "/run/docker.sock", true}, {777, "/run/with space.sock", false}, {780, "/tmp/first line", true}, {782, "/run/last.sock", true},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(unixSocket{})); d != "" {
		t.Error(d)
	}
}

func FuzzUnixSockets(f *testing.F) {
	f.Add([]byte(unixHead + "0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/docker.sock\n"))
	f.Add([]byte("a: b c d e f 1 1 /\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, s := range parseUnix(bytes.NewReader(b)) {
			if s.inode == 0 || !strings.HasPrefix(s.path, "/") || strings.Contains(s.path, "\n") {
				t.Fatalf("%+v of %q", s, b)
			}
		}
	})
}

func TestGroupInSettings(t *testing.T) {
	for before, want := range map[string]string{
		"":                                "{\n  \"group\": \"root\"\n}\n",
		" \n":                             "{\n  \"group\": \"root\"\n}\n",
		"{}":                              `{"group":"root"}`,
		`{"icc": false}`:                  `{"icc": false,"group":"root"}`,
		`{"group":"docker", "icc":false}`: `{"group":"root", "icc":false}`,
		`[]`:                              "",
		`{"icc":`:                         "",
		`{"group":"a","group":"b"}`:       "",
		`{"gro\u0075p":"a"}`:              `{"gro\u0075p":"root"}`,
		`{"group":"a","Group":"b"}`:       "", // the engine reads either
		`"text"`:                          "",
	} {
		got, err := withGroup([]byte(before), "root")
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%q becomes %q (%v), want %q", before, got, err, want)
		}
	}
}

// FuzzGroupInSettings holds that everything else stays what it was.
func FuzzGroupInSettings(f *testing.F) {
	for _, s := range []string{"", "{}", `{"icc":false,"log-opts":{"max-size":"10m"}}`, `{"group":null}`, `{"a.b":1,"group":{"x":[1]}}`, `{"gro\u0075p":"x"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, before []byte) {
		after, err := withGroup(before, "root")
		if err != nil {
			return
		}
		var a, b map[string]any
		if err := json.Unmarshal(after, &a); err != nil {
			t.Fatalf("%q became %q: %v", before, after, err)
		}
		if len(bytes.TrimSpace(before)) > 0 {
			if err := json.Unmarshal(before, &b); err != nil {
				t.Fatalf("%q was taken: %v", before, err)
			}
		}
		if a["group"] != "root" {
			t.Fatalf("%q became %q", before, after)
		}
		delete(a, "group")
		delete(b, "group")
		if len(a) != len(b) || len(a) > 0 && !cmp.Equal(a, b) {
			t.Fatalf("%q became %q", before, after)
		}
	})
}

func TestSocketOfAUnit(t *testing.T) {
	for unit, want := range map[string]string{
		"[Socket]\nListenStream=/run/docker.sock\n":                       "/run/docker.sock",
		"[Socket]\nListenStream = %t/podman/podman.sock\nSocketMode=0660": "/run/podman/podman.sock",
		"[Socket]\nListenStream=2375\n":                                   "",
		"[Socket]\n# ListenStream=/x\n":                                   "",
		"[Socket]\nListenStream=2375\nListenStream=/var/run/docker.sock":  "/var/run/docker.sock",
	} {
		if got := listens([]byte(unit)); got != want {
			t.Errorf("%q makes %q, want %q", unit, got, want)
		}
	}
}

func TestWhoIsReached(t *testing.T) {
	for p, want := range map[*perm]bool{
		{Mode: 0o600}:                          false,
		{Mode: 0o660}:                          false, // of the group root
		{Mode: 0o640, GID: 7}:                  false, // to connect takes the right to write
		{Mode: 0o660, GID: 7}:                  true,
		{Mode: 0o660, GID: 9}:                  false, // the guard's
		{Mode: 0o602}:                          true,
		{Mode: 0o600, UID: 7}:                  true,
		{Mode: 0o660, ACL: []byte{2, 0, 0, 0}}: true,
	} {
		if got := reaches(*p, 9); got != want {
			t.Errorf("%+v: %t", *p, got)
		}
	}
}

func TestHarmlessListeners(t *testing.T) {
	docker := process{exe: "/usr/bin/dockerd", args: []string{"dockerd", "-H", "unix:///run/docker.sock", "--metrics-addr", "127.0.0.1:9323"}}
	named := process{exe: "/usr/bin/dockerd", args: []string{"dockerd", "--host=tcp://0.0.0.0:2377", "-Htcp://:7946"}}
	containerd := process{exe: "/usr/bin/containerd"}
	for _, c := range []struct {
		p    process
		at   string
		want bool
	}{
		{docker, "0.0.0.0:2375", false},
		{docker, "127.0.0.1:2375", false},
		{docker, "0.0.0.0:2377", true},
		{docker, "[::]:7946", true},
		{docker, "127.0.0.1:9323", true},
		{named, "0.0.0.0:2377", false},
		{named, "0.0.0.0:7946", false},
		{containerd, "127.0.0.1:40000", true},
		{containerd, "10.0.0.1:40000", false},
	} {
		at, err := net.ResolveTCPAddr("tcp", c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := harmless(c.p, at); got != c.want {
			t.Errorf("%s of %v: %t", c.at, c.p.args, got)
		}
	}
}

func TestPlaceOf(t *testing.T) {
	host := []*mountinfo.Info{
		{Mountpoint: "/", Root: "/", Major: 8, Minor: 1}, {Mountpoint: "/run", Root: "/", Major: 0, Minor: 25}, {Mountpoint: "/run/user", Root: "/u", Major: 0, Minor: 26},
	}
	for path, want := range map[string]string{"/run/docker.sock": "0:25 /docker.sock", "/running/x": "8:1 /running/x", "/run/user/1/p": "0:26 /u/1/p"} {
		on, inside := placeOf(path, host)
		if got := strings.TrimSpace(strings.Join([]string{itoa(on.Major) + ":" + itoa(on.Minor), inside}, " ")); got != want {
			t.Errorf("%s is on %s, want %s", path, got, want)
		}
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

func TestParseStat(t *testing.T) {
	if comm, parent := parseStat([]byte("40 (bulk) head) S 17 40")); comm != "bulk) head" || parent != 17 {
		t.Errorf("%q, %d", comm, parent)
	}
	for _, bad := range []string{"", ")(", "1", "1 (x", "1 (x)"} {
		if _, parent := parseStat([]byte(bad)); parent != 0 {
			t.Errorf("%q has the parent %d", bad, parent)
		}
	}
}
