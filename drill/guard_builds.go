package drill

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bulkhead-security/bulkhead/drill/ground"
)

// buildsWith runs a program at build time, whose image tells what it saw.
func buildsWith(query string, saw func(w *EngineWorld, text string) bool) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		err := w.builds(ctx, query+"&nocache=1&t="+w.name+"/seen:1", "FROM "+ground.Image+"\nRUN readlink /proc/self/ns/net > /seen\n")
		if err != nil {
			return false, err
		}
		if _, err := w.root.ImageInspect(ctx, w.name+"/seen:1"); err != nil {
			return false, nil //nolint:nilerr // it was not built
		}
		return w.builtSaw(ctx, saw)
	}
}

func (w *EngineWorld) builtSaw(ctx context.Context, saw func(w *EngineWorld, text string) bool) (bool, error) {
	body := of("/bin/cat", "/seen")
	body["Image"] = w.name + "/seen:1"
	id, err := w.asRoot(ctx, body)
	if err != nil {
		return false, err
	}
	text, err := w.output(ctx, id)
	return saw(w, strings.TrimSpace(text)), err
}

// hostNetwork compares the network that was seen with that of the engine.
func hostNetwork(w *EngineWorld, text string) bool {
	own := ""
	err := w.engine.Within(func() error {
		var err error
		own, err = os.Readlink("/proc/thread-self/ns/net")
		return err
	})
	return err == nil && text != "" && text == own
}

func buildsInVictims(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.victim(ctx)
	if err != nil {
		return false, err
	}
	theirs, err := w.inside(ctx, id, "/bin/readlink", "/proc/self/ns/net")
	if err != nil {
		return false, err
	}
	return buildsWith("networkmode="+url.QueryEscape("container:"+id), func(_ *EngineWorld, text string) bool {
		return text != "" && text == strings.TrimSpace(theirs)
	})(ctx, w)
}

// reachesHost has the engine make a connection to an address that only its host reaches.
func reachesHost(request func(w *EngineWorld, address string) (method, target string, body any)) attack {
	return reachesHostBy(func(ctx context.Context, w *EngineWorld, address string) error {
		method, target, body := request(w, address)
		_, err := w.mallory.send(ctx, method, target, body) // whatever it says then
		return err
	})
}

// reachesHostBy does it in any way.
func reachesHostBy(do func(ctx context.Context, w *EngineWorld, address string) error) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		var l net.Listener
		err := w.engine.Within(func() error {
			var err error
			l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
			return err
		})
		if err != nil {
			return false, err
		}
		defer func() { _ = l.Close() }() // it is closed before, or nobody waits for it
		var reached atomic.Bool
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				reached.Store(true)
				_ = c.SetDeadline(time.Now().Add(time.Second))
				_, _ = c.Read(make([]byte, 1024))
				_, _ = io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
				_ = c.Close()
			}
		}()
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		err = do(ctx, w, l.Addr().String())
		if cerr := l.Close(); err == nil {
			err = cerr
		}
		<-done
		return reached.Load(), err
	}
}

// renamedArchive is an archive of images in which one has another name.
func renamedArchive(from io.Reader, old, name string) ([]byte, error) {
	var out bytes.Buffer
	r, w := tar.NewReader(from), tar.NewWriter(&out)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(io.LimitReader(r, 64<<20))
		if err != nil {
			return nil, err
		}
		if h.Name == "manifest.json" || h.Name == "index.json" || h.Name == "repositories" {
			body = bytes.ReplaceAll(body, []byte(old), []byte(name))
			body = bytes.ReplaceAll(body, []byte(strings.TrimSuffix(old, ":1")), []byte(strings.TrimSuffix(name, ":1")))
		}
		h.Size = int64(len(body))
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(body); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), w.Close()
}
