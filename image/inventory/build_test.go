package inventory

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-security/bulkhead/detect/secret"
)

// ent is one entry of a layer that a test makes.
type ent struct {
	name, body string
	mode       int64
	link       string // symbolic
	hard       string
	dir        bool
}

func tarOf(t testing.TB, list ...ent) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range list {
		h := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.body)), Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		switch {
		case e.link != "":
			h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, e.link, 0o777
		case e.hard != "":
			h.Typeflag, h.Linkname = tar.TypeLink, e.hard
		case e.dir:
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// docker20 makes an archive as Docker 20.10 saves it: the manifest comes last.
func docker20(t testing.TB, layers ...[]byte) []byte {
	var list []ent
	var names []string
	for i, l := range layers {
		name := fmt.Sprintf("%064d/layer.tar", i)
		list = append(list, ent{name: fmt.Sprintf("%064d/json", i), body: "{}"}, ent{name: name, body: string(l)})
		names = append(names, name)
	}
	manifest, _ := json.Marshal([]any{map[string]any{"Config": "c.json", "Layers": names}})
	return tarOf(t, append(list, ent{name: "c.json", body: "{}"}, ent{name: "manifest.json", body: string(manifest)})...)
}

// layout makes an OCI layout without manifest.json, with an attestation before the image.
func layout(t testing.TB, layers ...[]byte) []byte {
	var list []ent
	put := func(raw []byte) map[string]any {
		sum := sha256.Sum256(raw)
		list = append(list, ent{name: "blobs/sha256/" + hex.EncodeToString(sum[:]), body: string(raw)})
		return map[string]any{"digest": "sha256:" + hex.EncodeToString(sum[:])}
	}
	var ls []any
	for _, l := range layers {
		ls = append(ls, put(l))
	}
	raw, _ := json.Marshal(map[string]any{"config": put([]byte(`{"os":"linux"}`)), "layers": ls})
	attest := put([]byte(`{"layers":[{"digest":"sha256:00"}]}`))
	attest["annotations"] = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
	inner, _ := json.Marshal(map[string]any{"manifests": []any{attest, put(raw)}})
	index, _ := json.Marshal(map[string]any{"manifests": []any{put(inner)}})
	return tarOf(t, append(list, ent{name: "oci-layout", body: "{}"}, ent{name: "index.json", body: string(index)})...)
}

func gz(t testing.TB, raw []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return b.Bytes()
}

func zst(t testing.TB, raw []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(raw, nil)
}

func newTest() *Inventory { return New(secret.New([]byte("k"))) }

// key is put together here, so that no scanner of sources takes it for a real one.
var key = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nabc\n-----END OPENSSH " + "PRIVATE KEY-----\n"

// sinful are the layers of an image with everything that is looked for; want what is found in it.
func sinful(t testing.TB) [][]byte {
	base := tarOf(t,
		ent{name: "bin/", dir: true, mode: 0o755},
		ent{name: "bin/[", body: "elf", mode: 0o755}, ent{name: "bin/busybox", hard: "bin/[", mode: 0o755},
		ent{name: "bin/nc", hard: "bin/[", mode: 0o755}, ent{name: "bin/dpkg", hard: "bin/[", mode: 0o755},
		ent{name: "usr/bin/telnet", link: "/bin/busybox"},
		ent{name: "usr/bin/passwd", body: "elf", mode: 0o4755}, ent{name: "usr/bin/wall", body: "elf", mode: 0o2755},
		ent{name: "usr/bin/gone", body: "elf", mode: 0o4755},
		ent{name: "tmp/", dir: true, mode: 0o1777}, ent{name: "shared/", dir: true, mode: 0o777}, ent{name: "fixed/", dir: true, mode: 0o777},
		ent{name: "srv/open", body: "x", mode: 0o666},
		ent{name: "usr/lib/os-release", body: "ID=debian\n"},
		ent{name: "etc/os-release", body: "NAME=x\nID=\"debian\"\nVERSION_ID='12'\nID_LIKE=\"a b\"\n"},
		ent{name: "var/lib/dpkg/status", body: "Package: a\nStatus: install ok installed\n\nPackage: b\nStatus: deinstall ok config-files\n\nPackage: c\nStatus: install ok installed\n"},
		ent{name: "old/secret.pem", body: key}, ent{name: "old/a", body: "x"}, ent{name: "replaced/b/c", body: "x"},
		ent{name: "usr/share/doc/x/key.pem", body: key}, ent{name: "etc/ssl/certs/ca.pem", body: "-----BEGIN CERTIFICATE-----\n"},
	)
	middle := tarOf(t,
		ent{name: "usr/bin/.wh.gone"}, ent{name: "fixed/", dir: true, mode: 0o755},
		ent{name: "old/.wh..wh..opq"}, ent{name: "old/new", body: "x"}, ent{name: "replaced", body: "a file now"},
		ent{name: "usr/sbin/sshd", body: "elf", mode: 0o755}, ent{name: "usr/bin/gcc-12", body: "elf", mode: 0o755},
		ent{name: "usr/bin/gcc", link: "gcc-12"}, ent{name: "usr/bin/cc", link: "nowhere"},
		ent{name: "usr/bin/apt-get", body: "elf", mode: 0o755}, ent{name: "usr/share/make", body: "no program", mode: 0o755},
		ent{name: "root/.ssh/id_rsa", body: key, mode: 0o600},
	)
	top := tarOf(t,
		ent{name: "root/.npmrc", body: "//r/:_authToken=abcdef0123456789\n"},
		ent{name: "root/.netrc", body: "machine h login l password p\n"},
		ent{name: "../../usr/local/bin/kubectl", body: "elf", mode: 0o755},
		ent{name: "srv/open", body: "y", mode: 0o666},
	)
	return [][]byte{base, middle, top}
}

const sinfulWant = `files 25
setuid /usr/bin/passwd /usr/bin/wall
writable /shared /srv/open
tools network-tool:/bin/nc package-manager:/usr/bin/apt-get compiler:/usr/bin/gcc compiler:/usr/bin/gcc-12 network-tool:/usr/bin/telnet container-client:/usr/local/bin/kubectl remote-login:/usr/sbin/sshd
os debian 12 packages 2
secrets file:/root/.netrc credentials, file:/root/.npmrc token, file:/root/.ssh/id_rsa private-key, `
