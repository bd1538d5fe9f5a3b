package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func text(m map[string]setting) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s=%s(%s)", k, m[k].value, m[k].source))
	}
	return strings.Join(parts, " ")
}

func TestParseFlags(t *testing.T) {
	for args, want := range map[string]string{
		"":                                            "",
		"-H fd:// --containerd=/run/c.sock":           "containerd=/run/c.sock(flag) hosts=fd://(flag)",
		"-Hunix:///a --host tcp://0.0.0.0:2375":       "hosts=unix:///a,tcp://0.0.0.0:2375(flag)",
		"--icc=false --iptables --tlsverify x":        "icc=false(flag) iptables=true(flag) tlsverify=true(flag)",
		"-D -l debug --userland-proxy=false":          "debug=true(flag) log-level=debug(flag) userland-proxy=false(flag)",
		"--log-opt max-size=1m --log-opt tag=x=y":     "log-opts.max-size=1m(flag) log-opts.tag=x=y(flag)",
		"--insecure-registry a --insecure-registry b": "insecure-registries=a,b(flag)",
		"--default-ulimit nofile=64:128":              "default-ulimits.nofile=64:128(flag)",
		"--authorization-plugin=p --label a=b":        "authorization-plugins=p(flag) labels=a=b(flag)",
		"--data-root":                                 "",
		"- -- -x stray":                               "",
	} {
		if got := text(parseFlags(strings.Fields(args))); got != want {
			t.Errorf("%q\n got %s\nwant %s", args, got, want)
		}
	}
}

func TestParseConfig(t *testing.T) {
	for body, want := range map[string]string{
		``:   "",
		`{}`: "",
		`{"icc":false,"log-opts":{"max-size":"10m","max-file":3},"hosts":["unix:///a","tcp://b"]}`:               "hosts=unix:///a,tcp://b(file) icc=false(file) log-opts.max-file=3(file) log-opts.max-size=10m(file)",
		`{"features":{"containerd-snapshotter":true},"default-address-pools":[{"size":24,"base":"10.0.0.0/8"}]}`: `default-address-pools={"base":"10.0.0.0/8","size":24}(file) features.containerd-snapshotter=true(file)`,
	} {
		m, err := parseConfig([]byte(body))
		if err != nil || text(m) != want {
			t.Errorf("%s\n got %s, %v\nwant %s", body, text(m), err, want)
		}
	}
	for _, bad := range []string{`{`, `[]`, `{} {}`, `{"a":1}x`, "\x00", `null null`} {
		if m, err := parseConfig([]byte(bad)); !errors.Is(err, errMalformed) {
			t.Errorf("%q gave %v, %v", bad, m, err)
		}
	}
}

func TestReadSettings(t *testing.T) {
	root := hostRoot(t, map[string]string{
		"/etc/docker/daemon.json": `{"icc":false}`, "/srv/other.json": `{"icc":true,"live-restore":true}`, "/srv/large.json": strings.Repeat(" ", maxConfig+1),
		"/srv/bad.json": `{"icc":`,
	})
	e := collector(root, nil)
	for _, c := range []struct {
		args     string
		file     string
		icc      string
		complete bool
		gaps     int
	}{
		{"dockerd", "/etc/docker/daemon.json", "false", true, 0},
		{"dockerd --config-file=/srv/other.json", "/srv/other.json", "true", true, 0},
		{"dockerd --config-file /srv/none.json", "", "unknown", false, 1},
		{"dockerd --config-file /srv/large.json", "", "unknown", false, 1},
		{"dockerd --config-file /srv/bad.json --icc=false", "", "false", false, 1},
		{"", "/etc/docker/daemon.json", "false", false, 1},
	} {
		d := daemon{local: true}
		if c.args != "" {
			d.args = strings.Fields(c.args)
		}
		s, gaps := e.readSettings(d)
		icc := "unknown"
		if b := s.flag("icc", true); b != nil {
			icc = fmt.Sprint(*b)
		}
		if s.file != c.file || icc != c.icc || s.complete != c.complete || len(gaps) != c.gaps {
			t.Errorf("%s: file %q icc %s complete %v gaps %v", c.args, s.file, icc, s.complete, gaps)
		}
	}
}

// TestListedHidesSecrets: credentials in the configuration stay out of the snapshot.
func TestListedHidesSecrets(t *testing.T) {
	m, err := parseConfig([]byte(`{"proxies":{"http-proxy":"http://bob:` + token + `@proxy:3128"},"log-opts":{"splunk-token":"` + token + `"}}`))
	if err != nil {
		t.Fatal(err)
	}
	list := collector(t.TempDir(), nil).listed(settings{values: m})
	body, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || strings.Contains(string(body), token) || !strings.Contains(string(body), "[secret]") {
		t.Errorf("%s", body)
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":{"b":[1,"x",null,{"c":true}]}}`, `{"hosts":["unix:///x"]}`, `{`, `{"a":1e999}`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parseConfig(body)
		if err != nil && m != nil {
			t.Fatal("settings and an error")
		}
		for k, v := range m {
			if v.source != "file" {
				t.Fatalf("%q comes from %q", k, v.source)
			}
		}
	})
}

func FuzzParseFlags(f *testing.F) {
	f.Add("-H\x00fd://\x00--icc=false")
	f.Add("--\x00-\x00-l")
	f.Fuzz(func(t *testing.T, line string) {
		for k, v := range parseFlags(strings.Split(line, "\x00")) {
			if k == "" || v.source != "flag" {
				t.Fatalf("%q: %+v", k, v)
			}
		}
	})
}
