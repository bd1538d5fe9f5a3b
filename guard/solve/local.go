package solve

import (
	"maps"

	control "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// dockerfileKey is the part of the session that the build's own file comes in, and localSession, before a part's name, the session that it is of.
const (
	dockerfileKey = "dockerfilekey"
	localSession  = "local-sessionid:"
)

// FromSession says whether the file of a build comes in a part of a session.
func FromSession(m proto.Message) bool {
	attrs, inputs := told(m)
	if _, named := (*attrs)[dockerfileKey]; named {
		return true
	}
	_, made := inputs[fileLocal]
	return !made && !fetched((*attrs)["context"])
}

// Local has the builder ask for the file of a build, which comes in a part of a session, under a name of that part that no other build has: what
// it keeps is kept by that name. It is called with what Of said of the message.
func Local(m proto.Message, f *call.BuildFile, name string) {
	attrs, _ := told(m)
	more := maps.Clone(*attrs)
	if more == nil {
		more = map[string]string{}
	}
	if id, has := more[localSession+f.Local]; has {
		more[localSession+name] = id
	}
	more[dockerfileKey] = name
	*attrs = more
}

// told is what a message tells a program that reads build files.
func told(m proto.Message) (attrs *map[string]string, inputs map[string]*pb.Definition) {
	switch m := m.(type) {
	case *control.SolveRequest:
		return &m.FrontendAttrs, m.GetFrontendInputs()
	case *gateway.SolveRequest:
		return &m.FrontendOpt, m.GetFrontendInputs()
	}
	return new(map[string]string), nil
}
