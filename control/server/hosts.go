package server

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// hosts are the names that callers may use for this server.
type hosts struct {
	origin string
	names  map[string]bool
}

func newHosts(public string, names []string) (*hosts, error) {
	u, err := url.Parse(public)
	if err != nil {
		return nil, fmt.Errorf("public URL: %w", err)
	}
	if u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("the public URL must be https://host:port")
	}
	h := &hosts{origin: "https://" + u.Host, names: map[string]bool{"localhost": true, strings.ToLower(u.Hostname()): true}}
	for _, n := range names {
		h.names[strings.ToLower(n)] = true
	}
	return h, nil
}

// check refuses other names: a page at a name that its owner lets point here (DNS rebinding) is of another origin than ours
// in the browser's eyes only by that name. Addresses can't be made to point elsewhere.
func (h *hosts) check(w http.ResponseWriter, r *http.Request) bool {
	if !h.known(r.Host) {
		refuse(w, http.StatusMisdirectedRequest, "invalid", "this server is not known by that name; server.public_url says by which it is")
		return false
	}
	return true
}

func (h *hosts) known(host string) bool {
	name := host
	if n, _, err := net.SplitHostPort(host); err == nil {
		name = n
	}
	if h.names[strings.ToLower(name)] {
		return true
	}
	_, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"))
	return err == nil
}

// streamPaths are the paths of methods that stream.
func streamPaths() map[string]bool {
	paths := map[string]bool{
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":      true,
		"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": true,
	}
	pkg := bulkheadv1.File_bulkhead_v1_access_proto.Package()
	protoregistry.GlobalFiles.RangeFilesByPackage(pkg, func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				if m := s.Methods().Get(j); m.IsStreamingServer() || m.IsStreamingClient() {
					paths["/"+string(s.FullName())+"/"+string(m.Name())] = true
				}
			}
		}
		return true
	})
	return paths
}
