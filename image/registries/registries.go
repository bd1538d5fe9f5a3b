// Package registries tells which registries a node uses and how: from the engine's settings, from the references of
// images and workloads, and from the configuration files of containerd, Docker and Podman. On request it asks each
// registry how it answers.
//
// It completes a snapshot that the other collectors have filled. It reads configuration files and, only when asked to,
// talks to the registries found; it sends no credentials, pulls nothing and decides nothing.
package registries

import (
	"cmp"
	"context"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/detect/imageref"
	"github.com/bulkhead-security/bulkhead/model"
)

const (
	collector = "registries"
	// maxImageSources bounds how many images are named as the source of one registry.
	maxImageSources = 5
	dockerHub       = "docker.io"
)

// Enrich fills the snapshot's registries from its own parts and from the files below the node's root directory ("/", or
// where the host is mounted). With probe it asks each of them. What cannot be read becomes a gap of the snapshot.
func Enrich(ctx context.Context, snap *model.Snapshot, root string, probe bool) {
	enrich(ctx, snap, os.DirFS(root), probe)
}

// files reads this machine's files, unless the engine is on another one.
func (s *set) files(ctx context.Context, engine *model.Engine, root fs.FS) []model.Gap {
	if engine != nil && engine.Endpoint != "" && !strings.HasPrefix(engine.Endpoint, "unix://") {
		return []model.Gap{{
			Path: "/registries", Reason: model.GapUnsupported,
			Detail: "the engine is on another machine, whose files are not read",
			Remedy: "run bulkhead assess on the engine's own machine",
		}}
	}
	return s.addFiles(ctx, root)
}

func enrich(ctx context.Context, snap *model.Snapshot, root fs.FS, probe bool) {
	s := &set{byHost: map[string]*entry{}}
	s.addEngine(snap.Engine)
	s.addImages(snap)
	s.addWorkloads(snap)
	for _, gap := range s.files(ctx, snap.Engine, root) {
		gap.Collector = collector
		snap.Gaps = append(snap.Gaps, gap)
	}
	s.markInsecure(snap.Engine)
	if probe {
		if gap := probeAll(ctx, root, s); gap != nil {
			gap.Collector = collector
			snap.Gaps = append(snap.Gaps, *gap)
		}
	}
	snap.Registries = s.list()
}

// entry is a registry under construction.
type entry struct {
	model.Registry
	images int
	// authorities are paths of certificates that this registry may be verified with.
	authorities []string
}

type set struct{ byHost map[string]*entry }

// at returns the entry of a host and notes where its name comes from; nil for what is no host.
func (s *set) at(host, source string) *entry {
	host = strings.ToLower(strings.TrimSuffix(host, "/"))
	if host == "index.docker.io" || host == "registry-1.docker.io" {
		host = dockerHub
	}
	if !isHost(host) {
		return nil
	}
	e := s.byHost[host]
	if e == nil {
		e = &entry{Registry: model.Registry{Host: host}}
		s.byHost[host] = e
	}
	if slices.Contains(e.Sources, source) {
		return e
	}
	if strings.HasPrefix(source, "image:") {
		if e.images++; e.images > maxImageSources {
			return e
		}
	}
	e.Sources = append(e.Sources, source)
	return e
}

// isHost is true for a name or address with or without a port.
func isHost(s string) bool {
	if s == "" || len(s) > 300 || strings.ContainsAny(s, " \t\r\n/\\@?#%*") {
		return false
	}
	u, err := url.Parse("https://" + s)
	return err == nil && u.Host == s && u.Hostname() != ""
}

func (s *set) addEngine(e *model.Engine) {
	if e == nil {
		return
	}
	for _, host := range e.InsecureRegistries {
		if r := s.at(host, "daemon.json:insecure-registries"); r != nil {
			r.Insecure = true
		}
	}
	for _, mirror := range e.RegistryMirrors {
		s.addURL(mirror, "daemon.json:registry-mirrors", true)
	}
}

// addURL adds a registry by its URL, or by its name where there is no scheme.
func (s *set) addURL(raw, source string, mirror bool) *entry {
	scheme, host := "", raw
	if before, after, ok := strings.Cut(raw, "://"); ok {
		scheme, host = strings.ToLower(before), after
	}
	host, _, _ = strings.Cut(host, "/")
	r := s.at(host, source)
	if r == nil {
		return nil
	}
	r.Mirror = r.Mirror || mirror
	if scheme == "http" || r.Scheme == "" && scheme == "https" {
		r.Scheme = scheme
	}
	return r
}

// addImages takes the names under which images are known at registries, and tags that name a registry other than the
// default: a tag without registry may never have been at one.
func (s *set) addImages(snap *model.Snapshot) {
	for _, img := range snap.Images {
		for _, d := range img.Digests {
			if ref := imageref.Parse(d); ref.Registry != "" {
				s.at(ref.Registry, "image:"+short(ref))
			}
		}
		for _, t := range img.Tags {
			if ref := imageref.Parse(t); ref.Registry != "" && ref.Registry != dockerHub {
				s.at(ref.Registry, "image:"+short(ref))
			}
		}
	}
}

func (s *set) addWorkloads(snap *model.Snapshot) {
	for _, c := range snap.Containers {
		if ref := imageref.Parse(c.Workload.Image.Ref); ref.Registry != "" && ref.Registry != dockerHub {
			s.at(ref.Registry, "image:"+short(ref))
		}
	}
	if snap.Kubernetes == nil {
		return
	}
	for _, p := range snap.Kubernetes.Pods {
		for _, c := range p.Containers {
			if ref := imageref.Parse(c.Workload.Image.Ref); ref.Registry != "" {
				s.at(ref.Registry, "image:"+short(ref))
			}
		}
	}
}

// short is the reference without its digest, which would say nothing here.
func short(ref model.ImageRef) string {
	name := ref.Registry + "/" + ref.Name
	if ref.Tag != "" {
		name += ":" + ref.Tag
	}
	return name
}

// markInsecure applies the engine's insecure address ranges to the registries that are named by an address. Names are
// not resolved, except for localhost.
func (s *set) markInsecure(e *model.Engine) {
	if e == nil {
		return
	}
	for _, r := range s.byHost {
		addr, ok := address(r.Host)
		for _, network := range e.InsecureRegistries {
			p, err := netip.ParsePrefix(network)
			if ok && err == nil && p.Contains(addr) {
				r.Insecure = true
			}
		}
	}
}

func address(host string) (netip.Addr, bool) {
	name := hostname(host)
	if name == "localhost" {
		name = "127.0.0.1"
	}
	a, err := netip.ParseAddr(name)
	return a.Unmap(), err == nil
}

// hostname is the host without its port and brackets.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.Trim(host, "[]")
}

func (s *set) list() []model.Registry {
	out := make([]model.Registry, 0, len(s.byHost))
	for _, e := range s.byHost {
		slices.Sort(e.Sources)
		out = append(out, e.Registry)
	}
	slices.SortFunc(out, func(a, b model.Registry) int { return cmp.Compare(a.Host, b.Host) })
	return out
}
