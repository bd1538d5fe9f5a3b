package host

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// How packages are verified.
const (
	trustSigned   = "signed"
	trustUnsigned = "unsigned_allowed"
)

// PackageTrust reads whether the package manager takes packages without a signature. The managers' own default is to
// refuse them, so only a setting to the contrary counts.
func (h *Host) PackageTrust(context.Context) (func(*model.Snapshot), []model.Gap) {
	var t trustReader
	switch {
	case h.firstExisting(apkInstalled...) != "":
		h.apkTrust(&t)
	case h.firstExisting(rpmDatabases...) != "":
		h.dnfTrust(&t)
	case h.exists(dpkgStatus):
		h.aptTrust(&t)
	default:
		return nil, nil
	}
	if len(t.gaps) > 0 && len(t.weak) == 0 {
		return nil, t.gaps
	}
	trust := trustSigned
	if len(t.weak) > 0 {
		trust = trustUnsigned
	}
	slices.Sort(t.weak)
	return func(s *model.Snapshot) {
		p := s.HostPart()
		p.PackageTrust, p.PackageTrustDetail = trust, t.weak
	}, t.gaps
}

// trustReader collects settings that weaken verification, as "file: setting".
type trustReader struct {
	weak []string
	gaps []model.Gap
}

func (t *trustReader) add(file, setting string) { t.weak = append(t.weak, file+": "+setting) }

// eachConfig reads the file, and the files in dir with one of the endings. An empty dir is left out.
func (h *Host) eachConfig(t *trustReader, file, dir string, endings []string, f func(name string, b []byte)) {
	names := []string{file}
	if dir != "" {
		entries, err := h.list(dir)
		if err != nil && !missing(err) {
			t.gaps = append(t.gaps, gap("/host/package_trust", err))
		}
		for _, e := range entries {
			if len(endings) == 0 || slices.Contains(endings, path.Ext(e.Name())) {
				names = append(names, path.Join(dir, e.Name()))
			}
		}
	}
	for _, name := range names {
		b, err := h.read(name, limitConfig)
		switch {
		case err == nil:
			f(name, b)
		case !missing(err):
			t.gaps = append(t.gaps, gap("/host/package_trust", err))
		}
	}
}

func (h *Host) aptTrust(t *trustReader) {
	h.eachConfig(t, "/etc/apt/sources.list", "/etc/apt/sources.list.d", []string{".list", ".sources"}, func(name string, b []byte) {
		for _, s := range weakSources(b) {
			t.add(name, s)
		}
	})
	h.eachConfig(t, "/etc/apt/apt.conf", "/etc/apt/apt.conf.d", nil, func(name string, b []byte) {
		for _, s := range weakAptConf(b) {
			t.add(name, s)
		}
	})
}

// weakSources finds options that switch verification off, in one-line and deb822 sources.
func weakSources(b []byte) []string {
	var found []string
	lines(b, func(line string) {
		if strings.HasPrefix(line, "deb") {
			_, rest, _ := strings.Cut(line, "[")
			options, _, _ := strings.Cut(rest, "]")
			for _, o := range strings.Fields(options) {
				if k, v, ok := strings.Cut(o, "="); ok && weakOption(k) && yes(v) {
					found = append(found, o)
				}
			}
			return
		}
		if k, v, ok := strings.Cut(line, ":"); ok && weakOption(k) && yes(strings.TrimSpace(v)) {
			found = append(found, line)
		}
	})
	return found
}

func weakOption(key string) bool {
	switch strings.ToLower(strings.TrimSpace(key)) {
	case "trusted", "allow-insecure", "allow-weak", "allow-downgrade-to-insecure":
		return true
	}
	return false
}

// weakAptConf finds the settings in apt.conf files, written with :: or as nested blocks.
func weakAptConf(b []byte) []string {
	weak := []string{
		"allowinsecurerepositories", "allowdowngradetoinsecurerepositories", "allowweakrepositories", "allowunauthenticated",
	}
	var found []string
	lines(b, func(line string) {
		if strings.HasPrefix(line, "//") {
			return
		}
		words := strings.Fields(strings.NewReplacer(`"`, " ", ";", " ", "{", " ", "}", " ").Replace(line))
		for i := 1; i < len(words); i++ {
			key := strings.ToLower(words[i-1])
			key = key[strings.LastIndexByte(key, ':')+1:]
			if slices.Contains(weak, key) && yes(words[i]) {
				found = append(found, words[i-1]+" "+words[i])
			}
		}
	})
	return found
}

func (h *Host) dnfTrust(t *trustReader) {
	check := func(name string, b []byte) {
		lines(b, func(line string) {
			k, v, ok := strings.Cut(line, "=")
			k, v = strings.ToLower(strings.TrimSpace(k)), strings.TrimSpace(v)
			if ok && (k == "gpgcheck" || k == "pkg_gpgcheck") && !yes(v) {
				t.add(name, k+"="+v)
			}
		})
	}
	for _, main := range []string{"/etc/dnf/dnf.conf", "/etc/yum.conf"} {
		h.eachConfig(t, main, "", nil, check)
	}
	h.eachConfig(t, "/etc/zypp/zypp.conf", "/etc/yum.repos.d", []string{".repo"}, check)
}

func (h *Host) apkTrust(t *trustReader) {
	keys, err := h.list("/etc/apk/keys")
	if err != nil && !missing(err) {
		t.gaps = append(t.gaps, gap("/host/package_trust", err))
		return
	}
	if len(keys) == 0 {
		t.add("/etc/apk/keys", "no keys: packages install with --allow-untrusted only")
	}
	if b, err := h.read("/etc/apk/config", limitConfig); err == nil && strings.Contains(string(b), "allow-untrusted") {
		t.add("/etc/apk/config", "allow-untrusted")
	}
}

// yes reads a boolean as apt and dnf write it.
func yes(v string) bool {
	switch strings.ToLower(strings.Trim(v, `"'; `)) {
	case "yes", "true", "1", "on", "force":
		return true
	}
	return false
}
