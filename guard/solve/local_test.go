package solve

import (
	"maps"
	"testing"

	control "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
)

// A build's file is asked for under a name of its own where it comes in a session, of the same session, and stays where it is otherwise.
func TestLocal(t *testing.T) {
	for name, c := range map[string]struct {
		attrs  map[string]string
		inputs map[string]*pb.Definition
		from   bool
		want   map[string]string
	}{
		"plain":      {nil, nil, true, map[string]string{"dockerfilekey": "own"}},
		"of another": {map[string]string{"local-sessionid:dockerfile": "s2"}, nil, true, map[string]string{"dockerfilekey": "own", "local-sessionid:dockerfile": "s2", "local-sessionid:own": "s2"}},
		"renamed":    {map[string]string{"dockerfilekey": "x", "context": "https://h.test/x"}, nil, true, map[string]string{"dockerfilekey": "own", "context": "https://h.test/x"}},
		"fetched":    {map[string]string{"context": "https://h.test/x"}, nil, false, nil},
		"made":       {nil, map[string]*pb.Definition{"dockerfile": {}}, false, nil},
		"other made": {nil, map[string]*pb.Definition{"context": {}}, true, map[string]string{"dockerfilekey": "own"}},
	} {
		t.Run(name, func(t *testing.T) {
			build := &control.SolveRequest{Frontend: "dockerfile.v0", FrontendAttrs: maps.Clone(c.attrs), FrontendInputs: c.inputs}
			part := &gateway.SolveRequest{Frontend: "gateway.v0", FrontendOpt: maps.Clone(c.attrs), FrontendInputs: c.inputs}
			if FromSession(build) != c.from || FromSession(part) != c.from {
				t.Fatal("it comes from elsewhere")
			}
			if !c.from {
				return
			}
			asks, err := Of(build)
			if err != nil {
				t.Fatal(err)
			}
			Local(build, asks.File, "own")
			Local(part, asks.File, "own")
			if !maps.Equal(build.GetFrontendAttrs(), c.want) || !maps.Equal(part.GetFrontendOpt(), c.want) {
				t.Errorf("%v %v, not %v", build.GetFrontendAttrs(), part.GetFrontendOpt(), c.want)
			}
		})
	}
}
