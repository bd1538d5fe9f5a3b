package solve

import (
	control "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"google.golang.org/protobuf/proto"
)

// OwnFrontend has a Dockerfile read by the builder's own program: told of a command line, that looks for no other in the file's "# syntax".
func OwnFrontend(m proto.Message) {
	switch m := m.(type) {
	case *control.SolveRequest:
		if m.GetFrontend() == dockerfile {
			m.FrontendAttrs = withCommandLine(m.GetFrontendAttrs())
		}
	case *gateway.SolveRequest:
		if m.GetFrontend() == dockerfile {
			m.FrontendOpt = withCommandLine(m.GetFrontendOpt())
		}
	}
}

// dockerfile is the builder's own program for Dockerfiles, and commandLine what one that was started in its place is told.
const (
	dockerfile  = "dockerfile.v0"
	commandLine = "cmdline"
)

// withCommandLine leaves BUILDKIT_SYNTAX alone, which is judged: who may have it, gets it.
func withCommandLine(attrs map[string]string) map[string]string {
	if attrs["build-arg:BUILDKIT_SYNTAX"] != "" {
		return attrs
	}
	if attrs == nil {
		attrs = map[string]string{}
	}
	if _, has := attrs[commandLine]; !has {
		attrs[commandLine] = ""
	}
	return attrs
}
