package builds

import (
	"archive/tar"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// Bounds of an archive of images.
const (
	mostSaid  = 4 << 20 // bytes of a file that says names
	mostNamed = 400
)

// Images is an archive of images in a file.
type Images struct {
	Context
	// Names are all that an engine could take for a name of an image in it.
	Names []string
}

// KeepImages takes an archive of images into a file of a directory, no larger than most, and finds the names in it. Engines of different kinds
// look for them in different files; the archive's names are those of all.
func KeepImages(ctx context.Context, r io.Reader, dir string, most int64) (*Images, error) {
	f, err := nameless(dir)
	if err != nil {
		return nil, err
	}
	a := &Images{Context: Context{file: f}}
	if a.size, err = take(f, done{ctx, r}, most); err != nil {
		return nil, errors.Join(fmt.Errorf("keep an archive of images: %w", err), f.Close())
	}
	if a.size > most {
		return nil, errors.Join(refuse("the archive has more than %d MiB: load its images one by one, or pull them", most>>20), f.Close())
	}
	if a.Names, err = a.named(ctx); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return a, nil
}

// sayers are the files that say names: Docker's since 1.10 and before, and OCI's.
func sayers() map[string]func([]byte) ([]string, error) {
	return map[string]func([]byte) ([]string, error){"/manifest.json": ofManifest, "/repositories": ofRepositories, "/index.json": ofIndex}
}

// named reads the archive as it will be unpacked. What is there twice counts twice: engines differ in which they take.
func (a *Images) named(ctx context.Context) ([]string, error) {
	once, err := a.plain(ctx)
	if err != nil {
		return nil, err
	}
	says := sayers()
	s := &search{links: map[string]bool{}}
	var names []string
	t := tar.NewReader(once)
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			slices.Sort(names)
			return slices.Compact(names), nil
		}
		if err != nil {
			return nil, refuse("it is no archive: %v", err)
		}
		if n >= mostEntries {
			return nil, refuse("the archive has more than %d files", mostEntries)
		}
		if err := s.entry(h, t); err != nil {
			return nil, err
		}
		read, ok := says[clean(h.Name)]
		if !ok {
			continue
		}
		more, err := said(h, t, read)
		if err != nil {
			return nil, err
		}
		if names = append(names, more...); len(names) > mostNamed {
			return nil, refuse("the archive has more than %d names of images", mostNamed)
		}
	}
}

// said are the names in one of these files.
func said(h *tar.Header, r io.Reader, read func([]byte) ([]string, error)) ([]string, error) {
	if h.Typeflag != tar.TypeReg {
		return nil, refuse("%.100q in the archive is no file: an engine could find another in its place", h.Name)
	}
	text, err := io.ReadAll(io.LimitReader(r, mostSaid+1))
	if err != nil {
		return nil, refuse("it is no archive: %v", err)
	}
	if len(text) > mostSaid {
		return nil, refuse("%.100q in the archive has more than %d bytes", h.Name, mostSaid)
	}
	names, err := read(text)
	if err != nil {
		return nil, refuse("%.100q in the archive can't be read: %v", path.Base(h.Name), err)
	}
	for _, n := range names {
		if strings.Contains(n, "@") { // engines have names of their own with digests, for what has none
			return nil, refuse("the archive names an image by its digest: %.200q", n)
		}
	}
	return names, nil
}

func ofManifest(text []byte) ([]string, error) {
	var list []struct{ RepoTags []string }
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	var names []string
	for _, m := range list {
		names = append(names, m.RepoTags...)
	}
	return names, nil
}

func ofRepositories(text []byte) ([]string, error) {
	var all map[string]map[string]string
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	var names []string
	for repo, tags := range all {
		for tag := range tags {
			names = append(names, repo+":"+tag)
		}
	}
	return names, nil
}

// Annotations in which an engine looks for a name: the second is often a tag alone, where the first has the name.
const (
	imageName = "io.containerd.image.name"
	refName   = "org.opencontainers.image.ref.name"
)

func ofIndex(text []byte) ([]string, error) {
	var index struct {
		Manifests []struct{ Annotations map[string]string }
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, err
	}
	var names []string
	for _, m := range index.Manifests {
		if n := cmp.Or(m.Annotations[imageName], m.Annotations[refName]); n != "" {
			names = append(names, n)
		}
	}
	return names, nil
}
