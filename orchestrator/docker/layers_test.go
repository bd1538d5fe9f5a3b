package docker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestWalkLayer(t *testing.T) {
	root := hostRoot(t, map[string]string{
		"/up/usr/bin/tool": "x", "/up/etc/motd": "new", "/up/var/lib/dpkg/status": "x", "/up/data/file": "x", "/up/etc/hosts": "",
		"/up/escape": "-> ../../etc", "/low/etc/motd": "old", "/low2/usr/bin/tool": "x", "/low/usr/bin": "-> /elsewhere", "/up/mnt": "",
	})
	if err := os.Chmod(filepath.Join(root, "up/usr/bin/tool"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := &model.Container{}
	err := collector(root, nil).walkLayer(context.Background(), "/up", []string{"/low", "/none", "relative"}, []container.MountPoint{{Destination: "/mnt/"}}, c)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range c.Changes {
		line := f.Kind + " " + f.Path
		if f.Executable {
			line += " executable"
		}
		if f.PackageDB {
			line += " packages"
		}
		got = append(got, line)
	}
	want := "added /data/file|added /escape|changed /etc/motd|added /usr/bin/tool executable|added /var/lib/dpkg/status packages"
	check(t, "changes", strings.Join(got, "|"), want)
	check(t, "total", c.ChangesTotal, 5)
}

// TestWalkLayerLimit: what can be run is kept when not everything is.
func TestWalkLayerLimit(t *testing.T) {
	root := t.TempDir()
	for i := range maxChanges + 50 {
		write(t, root, filepath.Join("/up/a", strings.Repeat("f", i%100+1)+string(rune('a'+i/100))), "")
	}
	write(t, root, "/up/z/program", "x")
	if err := os.Chmod(filepath.Join(root, "up/z/program"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := &model.Container{}
	if err := collector(root, nil).walkLayer(context.Background(), "/up", nil, nil, c); err != nil {
		t.Fatal(err)
	}
	check(t, "kept", len(c.Changes), maxChanges)
	check(t, "total", c.ChangesTotal, maxChanges+51)
	check(t, "the program", c.Changes[maxChanges-1].Path, "/z/program")
}

func TestOverlayOf(t *testing.T) {
	root := hostRoot(t, map[string]string{"/proc/5/mountinfo": "100 50 0:44 / / rw,relatime - overlay overlay rw,lowerdir=/a/fs:/b/fs,upperdir=/u/fs,workdir=/w\n" +
		"101 100 0:45 / /proc rw - proc proc rw\n", "/proc/6/mountinfo": "100 50 8:1 / / rw - ext4 /dev/sda rw\n", "/proc/7/mountinfo": "bad\n"})
	e := collector(root, nil)
	up, low, err := e.overlayOf(5)
	if up != "/u/fs" || strings.Join(low, " ") != "/a/fs /b/fs" || err != nil {
		t.Errorf("%q %q %v", up, low, err)
	}
	for _, pid := range []int{6, 7, 8} {
		if _, _, err := e.overlayOf(pid); err == nil {
			t.Errorf("process %d: no error", pid)
		}
	}
}

// asked counts how often it looks into an image.
type asked struct {
	n   int
	err error
}

func (a *asked) Tar(_ context.Context, r io.Reader) (*model.ImageContents, []model.SecretSighting, error) {
	a.n++
	if _, err := io.Copy(io.Discard, r); err != nil {
		return nil, nil, err
	}
	return &model.ImageContents{Files: 3}, []model.SecretSighting{{Place: "file:/k", Kind: "private-key", Digest: "abc"}}, a.err
}

func (a *asked) Dirs(context.Context, []string) (*model.ImageContents, []model.SecretSighting, error) {
	return nil, nil, errors.New("no directories in this test")
}

func TestContentsCache(t *testing.T) {
	const id = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	f := fakeEngine{"/_ping": json.RawMessage(`"1.41"`), "/images/get": json.RawMessage(`{}`)}
	a := &asked{}
	e := collector(t.TempDir(), connect(t, f))
	e.o.Inspector, e.o.CacheDir = a, filepath.Join(t.TempDir(), "images")
	var in client.ImageInspectResult
	in.ID = id
	look := func(want int) []model.SecretSighting {
		t.Helper()
		got, found, err := e.contents(context.Background(), in)
		if err != nil || got.Files != 3 || len(found) != 1 {
			t.Fatalf("%+v %+v %v", got, found, err)
		}
		check(t, "asked", a.n, want)
		return found
	}
	check(t, "fresh digest", look(1)[0].Digest, "abc")
	check(t, "kept digest", look(1)[0].Digest, "")
	file := e.cacheFile(id)
	st, err := os.Stat(file)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", st, err)
	}
	for i, bad := range []string{"", "{", `{"schema":1,"id":"other","contents":{}}`, `{"schema":99,"id":"` + id + `","contents":{}}`, `{"schema":1,"id":"` + id + `"}`} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		look(2 + i)
	}
	if err := os.Chmod(e.o.CacheDir, 0o777); err != nil {
		t.Fatal(err)
	}
	look(7) // others may have written it
	check(t, "a strange id has no file", e.cacheFile("sha256:../../x"), "")
	a.err = errors.New("damaged")
	in.ID = strings.Replace(id, "a", "b", 1)
	if _, _, err := e.contents(context.Background(), in); err == nil {
		t.Error("the inspector's error was lost")
	}
	e.o.Inspector = nil
	_, _, err = e.contents(context.Background(), in)
	check(t, "no inspector", reason(err), model.GapSkipped)
}

// FuzzContainer gives anything as the answer about a container.
func FuzzContainer(f *testing.F) {
	for _, name := range []string{"debian", "current"} {
		for path, body := range recorded(f, name) {
			if strings.HasPrefix(path, "/containers/") {
				f.Add([]byte(body))
			}
		}
	}
	f.Add([]byte(`{"Config":{},"HostConfig":{},"State":{"Running":true,"Pid":-1},"NetworkSettings":{"Networks":{"x":null}}}`))
	root := hostRoot(f, nil)
	answer := fakeEngine{"/_ping": json.RawMessage(`"1.41"`)}
	c := direct(f, answer)
	f.Fuzz(func(t *testing.T, body []byte) {
		answer["/containers/x/json"] = body
		e := collector(root, c)
		got := e.container(context.Background(), container.Summary{ID: "x", Names: []string{"/x"}}, &hostView{local: true, processes: &processTable{}})
		if got == nil {
			t.Fatal("it was left out")
		}
		if _, err := json.Marshal(got); err != nil {
			t.Fatal(err)
		}
	})
}
