package solve

import "strings"

// exporter is where the result goes.
func (r *reading) exporter(kind string, attrs map[string]string, field string) {
	r.add(&r.s.Exporters, kind)
	if !r.bounded(field, len(attrs)) {
		return
	}
	switch kind {
	case "", "cacheonly", "local", "tar": // nowhere, and over the session
	case "oci", "docker": // over the session; names go into the file alone
	case "image", "moby":
		r.named(attrs, field)
	default:
		r.unknown(field, "the guard does not know an exporter %.100q", kind)
	}
	if on(attrs["push"]) || on(attrs["push-by-digest"]) {
		for _, name := range split(attrs["name"]) {
			r.name(&r.s.Pushes, name, field+"/push")
		}
		if attrs["name"] == "" {
			r.refuse(field, "it would push to where the build's file says: give the image a name")
		}
	}
	if on(attrs["registry.insecure"]) {
		r.unknown(field, "it would push without a look at the registry's certificate")
	}
}

// named are names that the image gets in the engine.
func (r *reading) named(attrs map[string]string, field string) {
	names := split(attrs["name"])
	if !r.bounded(field, len(names)) {
		return
	}
	for _, name := range names {
		if strings.Contains(name, "*") {
			r.refuse(field, "the image's name would be what the build's file says: write it out")
			return
		}
		r.name(&r.s.Names, name, field+"/name")
	}
	if attrs["dangling-name-prefix"] != "" {
		r.refuse(field, "dangling-name-prefix gives names that nobody is asked about: leave it out")
	}
}
