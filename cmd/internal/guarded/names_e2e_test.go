//go:build e2e

package guarded

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// imageID is the id of an image, past the guard.
func (g *guarded) imageID(name string) string {
	g.Helper()
	var i struct {
		ID string `json:"Id"`
	}
	g.get(g.engine.Socket, "/images/"+name+"/json", &i)
	return i.ID
}

// namesOfOthers: a name that sorts first takes a shared image from nobody, and is told to nobody of another tenant.
func (g *guarded) namesOfOthers() {
	g.Helper()
	id, since := g.imageID("busybox:1"), time.Now().Add(-time.Second).Format(time.RFC3339)
	g.may("alice", "", "tag", "busybox:1", "0/x:1")
	g.may("root", "0/x", "images")
	g.may("root", "0/x:1", "image", "inspect", id)
	for _, who := range []string{"bob", "sys"} {
		g.may(who, "busybox", "images")
		g.may(who, "busybox", "system", "df", "-v")
		g.may(who, "made", "run", "--rm", id, "sh", "-c", "echo made")
		g.may(who, "", "build", "-t", who+"/by-id:1", g.context("FROM "+id+"\nRUN true\n"))
		g.mayNot(who, "No such image", "image", "inspect", "0/x:1")
		g.mayNot(who, "No such image", "rmi", "0/x:1")
		for _, args := range [][]string{
			{"images"},
			{"images", "--digests"},
			{"images", "--filter", "reference=0/*"},
			{"system", "df", "-v"},
			{"image", "inspect", id},
			{"image", "inspect", "busybox:1"},
			{"rmi", id},
			{"rmi", "-f", id},
			{"events", "--since", since, "--until", time.Now().Add(time.Second).Format(time.RFC3339)},
		} {
			if out, _ := g.docker(who, args...); strings.Contains(out, "0/x") {
				g.Errorf("%s learns another's name: %v: %s", who, args, out)
			}
		}
		for _, target := range []string{"/images/json?all=1", "/images/" + id + "/json", "/images/" + id + "/history", "/system/df"} {
			var all any
			g.get(g.socket(who), target, &all)
			if text, err := json.Marshal(all); err != nil || strings.Contains(string(text), "0/x") {
				g.Errorf("%s learns another's name: %s: %v %s", who, target, err, text)
			}
		}
	}
	g.may("alice", "0/x", "images")
	g.may("alice", "0/x:1", "image", "inspect", id)
	g.may("alice", "", "rmi", "0/x:1")
	g.imageID("busybox:1")
}

// heldByTwo: an image that two tenants pulled stays each one's, whatever the other calls it, and nobody sees or removes the other's name.
func (g *guarded) heldByTwo(registry string) {
	g.Helper()
	hers, his := registry+"/hers:1", registry+"/his:1"
	g.may("alice", "", "pull", hers)
	g.may("bob", "", "pull", his)
	g.may("alice", "", "tag", hers, "alice/two:1")
	g.may("bob", "", "tag", his, "0/two:1")
	id := g.imageID(hers)
	for who, names := range map[string][2]string{"alice": {"alice/two", "0/two"}, "bob": {"0/two", "alice/two"}} {
		g.may(who, names[0], "images")
		g.may(who, registry, "images")
		for _, args := range [][]string{{"images"}, {"image", "inspect", id}, {"rmi", id}, {"rmi", "-f", id}} {
			if out, _ := g.docker(who, args...); strings.Contains(out, names[1]) {
				g.Errorf("%s learns another's name: %v: %s", who, args, out)
			}
		}
		var found []struct{ RepoTags []string }
		g.get(g.socket(who), "/images/json?filters="+url.QueryEscape(`{"reference":["`+names[1]+`"]}`), &found)
		if len(found) > 0 {
			g.Errorf("%s finds an image by another's name: %v", who, found)
		}
	}
	g.mayNot("alice", "names of the image", "rmi", "-f", id)
	for _, name := range []string{hers, his, "alice/two:1", "0/two:1"} {
		if now := g.imageID(name); now != id {
			g.Errorf("%s is %s, and was %s", name, now, id)
		}
	}
	g.may("bob", "", "rmi", "0/two:1")
	g.may("alice", "", "rmi", "alice/two:1")
}

// registryOfAll is a registry that those who are made afterwards may have the engine call: all its repositories have the same image.
func (g *guarded) registryOfAll() string {
	g.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: "two", Mode: 0o644}), w.Close()); err != nil {
		g.Fatal(err)
	}
	kept := map[string][]byte{}
	keep := func(kind string, text []byte) string {
		digest := fmt.Sprintf("sha256:%x", sha256.Sum256(text))
		kept[digest] = text
		return fmt.Sprintf(`{"mediaType":%q,"size":%d,"digest":%q}`, "application/vnd.docker."+kind, len(text), digest)
	}
	files := keep("image.rootfs.diff.tar", layer.Bytes())
	config := keep("container.image.v1+json", fmt.Appendf(nil, `{"architecture":%q,"os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%x"]}}`,
		runtime.GOARCH, sha256.Sum256(layer.Bytes())))
	const manifest = "application/vnd.docker.distribution.manifest.v2+json"
	kept["1"] = fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]}`, manifest, config, files)
	kept[fmt.Sprintf("sha256:%x", sha256.Sum256(kept["1"]))] = kept["1"]
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := kept[path.Base(r.URL.Path)]
		switch {
		case r.URL.Path == "/v2/":
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		default:
			if strings.Contains(r.URL.Path, "/manifests/") {
				w.Header().Set("Content-Type", manifest)
				w.Header().Set("Docker-Content-Digest", fmt.Sprintf("sha256:%x", sha256.Sum256(text)))
			}
			w.Header().Set("Content-Length", strconv.Itoa(len(text)))
			_, _ = w.Write(text)
		}
	}))
	if err := server.Listener.Close(); err != nil {
		g.Fatal(err)
	}
	server.Listener = g.listener()
	server.Start()
	g.Cleanup(server.Close)
	at := strings.TrimPrefix(server.URL, "http://")
	g.registries = append(g.registries, at)
	return at
}

// listener is at loopback where the engine is, which has a network to itself.
func (g *guarded) listener() net.Listener {
	g.Helper()
	type result struct {
		l   net.Listener
		err error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // and never let go: the thread ends with what it has joined
		l, err := g.listenThere()
		done <- result{l, err}
	}()
	r := <-done
	if r.err != nil {
		g.Fatal(r.err)
	}
	return r.l
}

func (g *guarded) listenThere() (net.Listener, error) {
	space, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", g.engine.PID()))
	if err != nil {
		return nil, err
	}
	defer space.Close()
	if err := unix.Setns(int(space.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	return net.Listen("tcp", "127.0.0.1:0")
}
