package inventory

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	// maxSecretFile is how much of a file is searched for secrets, maxDatabase how much of a package database is read.
	maxSecretFile = 64 << 10
	maxDatabase   = 64 << 20
)

// look reads the few files whose content matters.
func (v *Inventory) look(f file, it *listed) error {
	switch {
	case f.path == "/etc/os-release" || f.path == "/usr/lib/os-release":
		return read(f, maxSecretFile, func(r io.Reader) error {
			raw, err := io.ReadAll(r)
			os := parseOSRelease(raw)
			it.os = &os
			return err
		})
	case f.path == "/var/lib/dpkg/status":
		return v.count(f, it, "Status: ", func(line []byte) bool { return bytes.HasSuffix(line, []byte(" installed")) })
	case strings.HasPrefix(f.path, "/var/lib/dpkg/status.d/") && !strings.HasSuffix(f.path, ".md5sums"):
		it.database, it.packages = true, 1
	case f.path == "/lib/apk/db/installed" || f.path == "/usr/lib/apk/db/installed":
		return v.count(f, it, "P:", func([]byte) bool { return true })
	case rpmDatabase(f.path):
		it.database, it.packages = true, -1
	case secretFile(f.path):
		return read(f, maxSecretFile, func(r io.Reader) error {
			raw, err := io.ReadAll(r)
			it.secrets = v.secretsIn(f.path, string(raw))
			return err
		})
	}
	return nil
}

func read(f file, limit int64, use func(io.Reader) error) error {
	rc, err := f.open()
	if err != nil {
		return fmt.Errorf("opening %s: %w", f.path, err)
	}
	defer rc.Close()
	if err := use(io.LimitReader(rc, limit)); err != nil {
		return fmt.Errorf("reading %s: %w", f.path, err)
	}
	return nil
}

// count counts the lines of a package database that begin with the prefix and are as wanted.
func (v *Inventory) count(f file, it *listed, prefix string, want func([]byte) bool) error {
	it.database = true
	return read(f, maxDatabase, func(r io.Reader) error {
		br := bufio.NewReader(r)
		for start := true; ; {
			line, more, err := br.ReadLine()
			if start && bytes.HasPrefix(line, []byte(prefix)) && want(line) {
				it.packages++
			}
			start = !more
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
}

func rpmDatabase(p string) bool {
	dir, base := path.Split(p)
	if dir != "/var/lib/rpm/" && dir != "/usr/lib/sysimage/rpm/" && dir != "/usr/share/rpm/" {
		return false
	}
	return base == "Packages" || base == "Packages.db" || base == "rpmdb.sqlite"
}

// secretNames are files that hold secrets, by their name or the last two parts of their path.
var secretNames = map[string]bool{
	"id_rsa": true, "id_dsa": true, "id_ecdsa": true, "id_ed25519": true, ".npmrc": true, ".yarnrc.yml": true,
	".pypirc": true, ".netrc": true, ".git-credentials": true, ".dockercfg": true, ".docker/config.json": true,
	".aws/credentials": true, ".env": true, ".pgpass": true, ".my.cnf": true, ".kube/config": true, ".htpasswd": true,
	"credentials.json": true, "terraform.tfstate": true, ".vault-token": true, "service-account.json": true,
	".git/config": true, "pip.conf": true, "settings.xml": true,
}

func secretFile(p string) bool {
	if strings.HasPrefix(p, "/usr/share/doc/") {
		return false
	}
	base := path.Base(p)
	if secretNames[base] || secretNames[path.Base(path.Dir(p))+"/"+base] {
		return true
	}
	switch path.Ext(base) {
	case ".pem", ".key":
		return true
	}
	return strings.HasPrefix(base, ".env.")
}

// secretsIn finds the secrets of a file. A few formats have no names or marks that the detector could know.
func (v *Inventory) secretsIn(p, text string) []model.SecretSighting {
	place := "file:" + p
	_, found := v.secrets.Text(place, text)
	if len(found) > 0 {
		return found
	}
	bare := false
	switch path.Base(p) {
	case ".netrc":
		bare = strings.Contains(text, "password ")
	case ".pgpass":
		bare = strings.Count(text, ":") >= 4
	case ".vault-token":
		bare = strings.TrimSpace(text) != ""
	case ".htpasswd":
		bare = strings.Contains(text, ":")
	}
	if bare {
		return []model.SecretSighting{{Place: place, Kind: "credentials"}}
	}
	return nil
}

// parseOSRelease reads os-release(5). Lines that are no assignment are passed over.
func parseOSRelease(raw []byte) (os model.OSRelease) {
	for line := range strings.Lines(string(raw)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			continue
		}
		value = strings.Trim(value, `"'`)
		switch key {
		case "ID":
			os.ID = value
		case "ID_LIKE":
			os.IDLike = strings.Fields(value)
		case "VERSION_ID":
			os.Version = value
		case "VERSION_CODENAME":
			os.Codename = value
		case "PRETTY_NAME":
			os.Pretty = value
		case "SUPPORT_END":
			os.SupportEnd = value
		}
	}
	return os
}
