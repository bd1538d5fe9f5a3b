package host

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

func mkfifo(name string) error { return unix.Mkfifo(name, 0o600) }

func FuzzPackages(f *testing.F) {
	for _, s := range []string{"Package: a\nVersion: 1\n\n", "P:a\nV:1\n", "\n\n", " x", ":", "Package: a\nStatus: install ok installed\n", "Source: x ("} {
		f.Add([]byte(s))
	}
	ctx := context.Background()
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, parse := range []func(context.Context, io.Reader) ([]model.Package, error){parseDpkg, parseAPK} {
			list, _ := parse(ctx, bytes.NewReader(b))
			for _, p := range list {
				if p.Name == "" || p.Version == "" {
					t.Fatalf("a package without name or version: %+v", p)
				}
			}
		}
		o := newOffers([]model.Package{{Name: "a", Version: "1"}}, debNewer)
		_ = offerDeb(ctx, bytes.NewReader(b), aptArchive{}, o)
		_ = offerAPK(ctx, bytes.NewReader(b), o)
		_ = offerAdvisories(ctx, bytes.NewReader(b), o)
		parseRelease(ctx, "x_InRelease", b)
		for _, u := range o.updates() {
			if u.Name != "a" || u.Installed != "1" {
				t.Fatalf("an update of something that is not installed: %+v", u)
			}
		}
	})
}

func FuzzVersions(f *testing.F) {
	f.Add("1:1.0-1", "x:1.0")
	f.Add("1.2_rc1-r0", "")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, newer := range []func(a, b string) bool{debNewer, apkNewer, rpmNewer} {
			if newer(a, b) && newer(b, a) {
				t.Fatalf("%q and %q are each newer than the other", a, b)
			}
		}
	})
}

func FuzzConfig(f *testing.F) {
	for _, s := range []string{
		"ID=debian\nVERSION_ID=\"12\"", "root:x:0:0:root:/root:/bin/sh", "a:$y$x:1", "docker:x:1:a,b", "A ALL=(ALL) NOPASSWD: ALL",
		"User_Alias X=a\nX ALL=ALL", "Include x\nMatch all\nPort=22", "auth [success=1 default=ignore] pam_unix.so", "@include x",
		"deb [trusted=yes] x", "0::/docker/" + idA, "--host=unix:///x",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		parseOSRelease(b)
		groups := parseGroup(b)
		accounts := parsePasswd(b)
		withPrimary(groups, accounts)
		for _, state := range parseShadow(b) {
			if state != "set" && state != "locked" && state != "empty" {
				t.Fatalf("state %q", state)
			}
		}
		r := &sudoRules{aliases: map[string][]string{}, installed: true}
		r.parse(b, func(string) []string { return nil })
		r.resolve()
		for _, a := range accounts {
			r.allows(a, groups)
		}
		c := sshdConfig{values: map[string]string{}}
		c.parse(b, func(string) {})
		parsePAM(b)
		weakSources(b)
		weakAptConf(b)
		parseFlags(splitArgs(b))
		if container, _ := parseCgroup(b); container != "" && len(container) != 64 {
			t.Fatalf("container %q", container)
		}
		bracketed(string(b))
		_, _ = parseMounts(b)
		_, _ = parseAuditStatus(b)
		_, _ = startTime(b, time.Unix(1, 0))
	})
}

func FuzzControl(f *testing.F) {
	f.Add([]byte(`{"name":"sensor","mode":"observe","pid":1}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseControl("sensor", b)
		if err == nil && (c.Name != "sensor" || c.PID <= 0 || (c.Mode != model.ModeObserve && c.Mode != model.ModeEnforce)) {
			t.Fatalf("accepted %+v", c)
		}
	})
}
