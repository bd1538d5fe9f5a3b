package solve

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/solver/pb"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// frontend is the program that reads the build's file, with what it is told.
func (r *reading) frontend(name string, attrs map[string]string, inputs map[string]*pb.Definition) {
	if name != "" {
		r.s.Frontend = name
	}
	switch name {
	case "", dockerfile:
	case "gateway.v0":
		r.foreign(attrs["source"], "source")
	default:
		r.unknown("Frontend", "the guard does not know %.100q", name)
	}
	if !r.bounded("FrontendAttrs", len(attrs)) {
		return
	}
	for _, key := range sorted(attrs) {
		r.attr(key, attrs[key])
	}
	if name != "" {
		r.file(attrs, inputs)
	}
}

// foreign is an image that is run as the program that reads the build's file.
func (r *reading) foreign(ref, field string) {
	r.name(&r.s.FrontendImages, ref, "FrontendAttrs/"+field)
	r.image(ref, "FrontendAttrs/"+field)
}

// attr is one thing that a frontend is told.
func (r *reading) attr(key, value string) {
	field := "FrontendAttrs/" + key
	if len(key)+len(value) > longestText {
		r.fail("FrontendAttrs", "%.50q has %d bytes", key, len(value))
		return
	}
	kind, name, prefixed := strings.Cut(key, ":")
	if prefixed {
		r.prefixed(kind, name, value, field)
		return
	}
	switch key {
	case "target", "filename", "contextsubdir", "dockerfilekey", "image-resolve-mode", "multi-platform", "no-cache", "platform",
		"requestid", commandLine, "source", "frontend.caps", "hostname":
		// They say what is built of what is judged, and give nothing.
	case "context":
		r.context(value, field)
	case "contextkey":
		// What is taken for the context stands under another key.
		r.unknown(field, "the context would be told by another name")
	case "force-network-mode":
		r.network(value, field)
	case "add-hosts":
		r.list(&r.s.ExtraHosts, value)
	case "ulimit":
		r.list(&r.s.Ulimits, value)
	case "cgroup-parent":
		r.s.CgroupParent = value
	case "cache-from":
		for _, ref := range split(value) {
			r.cache("registry", map[string]string{"ref": ref}, &r.s.CacheRefs, field)
		}
	case "cache-imports":
		r.cacheImports(value, field)
	default:
		if !r.limit(key, value, field) {
			r.unknown(field, "the guard does not know it")
		}
	}
}

// prefixed are those of which there are many.
func (r *reading) prefixed(kind, name, value, field string) {
	switch kind {
	case "build-arg":
		if kind, is := strings.CutPrefix(name, call.AttestArg); is {
			r.attest(kind, value, field)
		}
		switch name {
		case "BUILDKIT_SYNTAX":
			r.foreign(SyntaxImage(value), "build-arg:"+name)
		case "BUILDKIT_SANDBOX_HOSTNAME", "BUILDKIT_MULTI_PLATFORM", "BUILDKIT_CACHE_MOUNT_NS":
		}
	case "label":
		if r.first(&r.s.Labels, name+"="+value, field) {
			r.s.Labels[name] = value
		}
	case "context":
		r.context(value, field)
		if ref, is := strings.CutPrefix(value, "docker-image:"); is { // stages may begin with it under the other name
			r.base(strings.TrimPrefix(ref, "//"), field)
		}
	case "input":
		r.context(value, field)
	case "local-sessionid":
		r.session(value)
	case "attest":
		r.attest(name, value, field)
	case "input-metadata":
		r.metadata(value, field)
	case "vcs", "sharedkey":
		// They describe what the client has.
	default:
		r.unknown(field, "the guard does not know it")
	}
}

// attest may have an image look at the result.
func (r *reading) attest(kind, told, field string) {
	images, err := call.Generators(kind, told)
	if err != nil {
		r.unknown(field, "it is no list of settings")
	}
	for _, i := range images {
		r.image(i, field)
	}
}

// context is where files come from: the session, an image, or an address that the engine calls.
func (r *reading) context(value, field string) {
	kind, rest, _ := strings.Cut(value, ":")
	switch {
	case kind == "docker-image":
		r.image(strings.TrimPrefix(rest, "//"), field)
	case fetched(value):
		r.fetch(value)
	default: // of the session, or of another part of the build
		r.add(&r.s.Sources, value)
	}
}

// base is an image that a stage begins with, or may.
func (r *reading) base(ref, field string) {
	if ref != "" && ref != scratch {
		r.name(&r.s.Bases, ref, field)
	}
}

func (r *reading) fetch(address string) {
	if len(address) > longestText {
		r.fail("source", "an address has %d bytes", len(address))
		return
	}
	r.add(&r.s.Sources, address)
	r.add(&r.s.Fetches, address)
}

func (r *reading) network(mode, field string) {
	switch mode {
	case "host":
		r.s.HostNetwork = true
	case "", "none", "default", "sandbox":
	default:
		r.unknown(field, "the builder has no network %.100q", mode)
	}
}

func (r *reading) list(to *[]string, text string) {
	parts := split(text)
	if !r.bounded("FrontendAttrs", len(parts)) {
		return
	}
	for _, p := range parts {
		r.add(to, p)
	}
}

// limit reads limits, which are numbers; it says whether it knows the key.
func (r *reading) limit(key, value, field string) bool {
	l := &r.s.Limits
	to, known := map[string]*int64{
		"shm-size": &l.Shm, "memory": &l.Memory, "memswap": &l.MemorySwap, "cpushares": &l.CPUShares, "cpuperiod": &l.CPUPeriod, "cpuquota": &l.CPUQuota,
	}[key]
	switch {
	case key == "cpusetcpus":
		l.CPUSet = value
		return true
	case key == "cpusetmems":
		return true
	case !known:
		return false
	case value == "":
		return true
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		r.unknown(field, "it is no number")
	}
	*to = n
	return true
}

// cacheImports are those that the frontend is told, in JSON.
func (r *reading) cacheImports(text, field string) {
	if text == "" {
		return
	}
	var list []struct {
		Type  string
		Attrs map[string]string
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		r.unknown(field, "it is no list of caches")
		return
	}
	if r.bounded(field, len(list)) {
		for _, c := range list {
			r.cache(c.Type, c.Attrs, &r.s.CacheRefs, field)
		}
	}
}

// cache is read or written by the engine: to is CacheRefs or Pushes.
func (r *reading) cache(kind string, attrs map[string]string, to *[]call.Named, field string) {
	switch kind {
	case "registry":
		r.add(&r.s.Caches, "registry:"+attrs["ref"])
		if attrs["ref"] == "" {
			r.unknown(field, "it names no cache")
			return
		}
		r.name(to, attrs["ref"], field)
		if on(attrs["registry.insecure"]) {
			r.unknown(field, "it would be reached without a look at the registry's certificate")
		}
	case "inline", "local": // in the result, and over the session
		r.add(&r.s.Caches, kind)
	default:
		r.add(&r.s.Caches, kind)
		r.unknown(field, "a cache of the kind %.100q has the engine call addresses that the guard does not read", kind)
	}
}

// on is a switch as the builder reads it; what it does not understand it refuses, or takes for on.
func on(text string) bool {
	b, err := strconv.ParseBool(text)
	return text != "" && (err != nil || b)
}

func split(text string) []string {
	var list []string
	for _, p := range strings.Split(text, ",") {
		if p = strings.TrimSpace(p); p != "" {
			list = append(list, p)
		}
	}
	return list
}

func sorted[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// image is taken from, or run.
func (r *reading) image(ref, field string) {
	if ref == "" {
		r.unknown(field, "it names no image")
		return
	}
	r.add(&r.s.Sources, "docker-image://"+ref)
	r.name(&r.s.Images, ref, field)
}
