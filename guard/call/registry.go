package call

import (
	"net/url"
	"strings"
)

// DockerHub is the registry of names that name none.
const DockerHub = "docker.io"

// RegistryOf is the registry of an image's name, as the engine takes it: what is before the first slash, where that looks like a host. It
// reads names that are no good references, too: the engine may call the host before it finds that out.
func RegistryOf(name string) string {
	first, _, more := strings.Cut(name, "/")
	if !more || !strings.ContainsAny(first, ".:") && first != "localhost" && strings.ToLower(first) == first {
		return DockerHub
	}
	return canonical(first)
}

// RegistryAt is the host of a URL, or of what is written without a scheme.
func RegistryAt(address string) string {
	if address == "" {
		return DockerHub
	}
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address // which is no registry of anybody's
	}
	return canonical(u.Host)
}

func canonical(host string) string {
	switch host = strings.ToLower(host); host {
	case "index.docker.io", "registry-1.docker.io":
		return DockerHub
	}
	return host
}
