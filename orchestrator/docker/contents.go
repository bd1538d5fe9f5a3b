package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/whole"
)

// cacheSchema changes whenever the inspector finds something else in the same image.
const cacheSchema = 1

var errNotAsked = errors.New("images are not looked into")

// cached is what is kept of an image that was looked into. Its id names its content, so it never goes stale. Digests of
// secrets are not kept: they hold for one snapshot.
type cached struct {
	Schema   int                    `json:"schema"`
	ID       string                 `json:"id"`
	Contents *model.ImageContents   `json:"contents"`
	Secrets  []model.SecretSighting `json:"secrets,omitempty"`
}

// contents looks into an image: at its layers' directories where they can be read, else at what the engine saves.
func (e *Collector) contents(ctx context.Context, in client.ImageInspectResult) (*model.ImageContents, []model.SecretSighting, error) {
	if e.o.Inspector == nil {
		return nil, nil, errNotAsked
	}
	if c, ok := e.fromCache(in.ID); ok {
		return c.Contents, c.Secrets, nil
	}
	contents, found, err := e.inspect(ctx, in)
	if err != nil {
		return nil, nil, err
	}
	e.toCache(cached{Schema: cacheSchema, ID: in.ID, Contents: contents, Secrets: found})
	return contents, found, nil
}

func (e *Collector) inspect(ctx context.Context, in client.ImageInspectResult) (*model.ImageContents, []model.SecretSighting, error) {
	if dirs := e.layerDirs(ctx, in); len(dirs) > 0 {
		return e.o.Inspector.Dirs(ctx, dirs)
	}
	stream, err := e.c.api.ImageSave(ctx, []string{in.ID})
	if err != nil {
		return nil, nil, fmt.Errorf("saving the image: %w", err)
	}
	defer stream.Close()
	contents, found, err := e.o.Inspector.Tar(ctx, stream)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return contents, found, err
}

// layerDirs are the image's layers on this host, top first, if all of them can be read.
func (e *Collector) layerDirs(ctx context.Context, in client.ImageInspectResult) []string {
	if in.GraphDriver == nil || in.GraphDriver.Name != "overlay2" || !e.daemon(ctx).local {
		return nil
	}
	list := append([]string{in.GraphDriver.Data["UpperDir"]}, filepath.SplitList(in.GraphDriver.Data["LowerDir"])...)
	for i, dir := range list {
		if !filepath.IsAbs(dir) {
			return nil
		}
		list[i] = e.host(dir)
		f, err := os.Open(list[i])
		if err != nil {
			return nil
		}
		_, err = f.Readdirnames(1)
		_ = f.Close()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil
		}
	}
	return list
}

func contentsRemedy(err error) string {
	switch {
	case errors.Is(err, errNotAsked):
		return ""
	case reason(err) == model.GapTimeout:
		return "run again: what was found is kept"
	case reason(err) == model.GapLimit:
		return "the image is too large to be looked into"
	}
	return "run as root on the engine's host"
}

var imageID = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (e *Collector) cacheFile(id string) string {
	if e.o.CacheDir == "" || !imageID.MatchString(id) {
		return ""
	}
	return filepath.Join(e.o.CacheDir, strings.TrimPrefix(id, "sha256:")+".json")
}

// fromCache reads what was kept. A file that is damaged, foreign or of another version counts as none.
func (e *Collector) fromCache(id string) (cached, bool) {
	var c cached
	path := e.cacheFile(id)
	if path == "" || !ownDir(e.o.CacheDir) {
		return c, false
	}
	body, err := readLimited(path, 8<<20)
	if err != nil || json.Unmarshal(body, &c) != nil {
		return cached{}, false
	}
	return c, c.Schema == cacheSchema && c.ID == id && c.Contents != nil
}

// toCache keeps what was found. A cache that can't be written only costs time.
func (e *Collector) toCache(c cached) {
	path := e.cacheFile(c.ID)
	if path == "" || os.MkdirAll(e.o.CacheDir, 0o700) != nil || !ownDir(e.o.CacheDir) {
		return
	}
	plain := make([]model.SecretSighting, len(c.Secrets))
	for i, s := range c.Secrets {
		s.Digest = ""
		plain[i] = s
	}
	c.Secrets = plain
	body, err := json.Marshal(c)
	if err != nil {
		return
	}
	_ = whole.Write(path, body, 0o600)
}

// ownDir is true for a directory that nobody else can write, so that nobody can plant what is "known" of an image.
func ownDir(dir string) bool {
	st, err := os.Lstat(dir)
	if err != nil || !st.IsDir() || st.Mode().Perm()&0o022 != 0 {
		return false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(sys.Uid) == os.Geteuid()
}
