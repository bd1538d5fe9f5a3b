package solve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	control "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	policy "github.com/moby/buildkit/sourcepolicy/pb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// metadata is what a client says of an image that another part of a build makes.
func metadata(image string) string {
	text, err := json.Marshal(map[string][]byte{"containerimage.config": []byte(image)})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func graph(t testing.TB, ops ...*pb.Op) *pb.Definition {
	t.Helper()
	d := &pb.Definition{}
	for _, op := range ops {
		text, err := Encode(op)
		if err != nil {
			t.Fatal(err)
		}
		d.Def = append(d.Def, text)
	}
	return d
}

func source(id string, attrs map[string]string) *pb.Op {
	return &pb.Op{Op: &pb.Op_Source{Source: &pb.SourceOp{Identifier: id, Attrs: attrs}}}
}

func exec(e *pb.ExecOp) *pb.Op { return &pb.Op{Op: &pb.Op_Exec{Exec: e}} }

// What gives something away is found, wherever it stands.
func TestFound(t *testing.T) {
	attr := func(key, value string) *control.SolveRequest {
		return &control.SolveRequest{Frontend: "dockerfile.v0", FrontendAttrs: map[string]string{key: value}}
	}
	exports := func(kind string, attrs map[string]string) *control.SolveRequest {
		return &control.SolveRequest{Exporters: []*control.Exporter{{Type: kind, Attrs: attrs}}}
	}
	host := exec(&pb.ExecOp{Network: pb.NetMode_HOST})
	yes := func(ok func(s *call.Solve) bool) func(s *call.Solve) bool { return ok }
	hostNetwork := yes(func(s *call.Solve) bool { return s.HostNetwork })
	unknown := yes(func(s *call.Solve) bool { return len(s.Unknown) > 0 })
	named := func(list []call.Named, want string) bool {
		return slices.ContainsFunc(list, func(n call.Named) bool { return n.Name == want })
	}
	sent := yes(func(s *call.Solve) bool { return named(s.Pushes, "r/c") && len(s.CacheRefs) == 0 })
	for name, c := range map[string]struct {
		m  proto.Message
		ok func(s *call.Solve) bool
	}{
		"entitlement network":  {&control.SolveRequest{Entitlements: []string{"network.host"}}, hostNetwork},
		"entitlement insecure": {&control.SolveRequest{Entitlements: []string{"security.insecure"}}, func(s *call.Solve) bool { return s.Insecure }},
		"entitlement device":   {&control.SolveRequest{Entitlements: []string{"device=gpu"}}, func(s *call.Solve) bool { return slices.Contains(s.Devices, "gpu") }},
		"entitlement all":      {&control.SolveRequest{Entitlements: []string{"device"}}, func(s *call.Solve) bool { return slices.Contains(s.Devices, "*") }},
		"entitlement new":      {&control.SolveRequest{Entitlements: []string{"moon"}}, unknown},
		"attr network":         {attr("force-network-mode", "host"), hostNetwork},
		"attr unheard of":      {attr("moon", "1"), unknown},
		"attr prefix":          {attr("moon:x", "1"), unknown},
		"attr context key":     {attr("contextkey", "x"), unknown},
		"attr hosts":           {attr("add-hosts", "a=1.2.3.4"), func(s *call.Solve) bool { return len(s.ExtraHosts) == 1 }},
		"attr cgroup":          {attr("cgroup-parent", "/x"), func(s *call.Solve) bool { return s.CgroupParent == "/x" }},
		"attr ulimit":          {attr("ulimit", "nofile=1:2"), func(s *call.Solve) bool { return len(s.Ulimits) == 1 }},
		"attr shm":             {attr("shm-size", "5"), func(s *call.Solve) bool { return s.Limits.Shm == 5 }},
		"attr syntax": {attr("build-arg:BUILDKIT_SYNTAX", "evil/front:1 x"), func(s *call.Solve) bool {
			return named(s.FrontendImages, "evil/front:1") && named(s.Images, "evil/front:1")
		}},
		"attr named image":       {attr("context:x", "docker-image://evil:latest"), func(s *call.Solve) bool { return named(s.Bases, "evil:latest") && named(s.Images, "evil:latest") }},
		"attr named scratch":     {attr("context:x", "docker-image://scratch"), func(s *call.Solve) bool { return len(s.Bases) == 0 }},
		"attr main image":        {attr("context", "docker-image://evil"), func(s *call.Solve) bool { return len(s.Bases) == 0 && named(s.Images, "evil") }},
		"attr metadata":          {attr("input-metadata:x", metadata(`{"config":{"onbuild":["COPY --from=victim/secret / /"]}}`)), unknown},
		"attr metadata, none":    {attr("input-metadata:x", "x"), unknown},
		"attr metadata, no one":  {attr("input-metadata:x", metadata(`[]`)), unknown},
		"attr metadata, plain":   {attr("input-metadata:x", metadata(`{"config":{"Env":["A=b"]}}`)), func(s *call.Solve) bool { return len(s.Unknown) == 0 }},
		"attr attest":            {attr("attest:sbom", `disabled=false,"generator=evil/scan"`), func(s *call.Solve) bool { return named(s.Images, "evil/scan") && len(s.Images) == 1 }},
		"attr attest, default":   {attr("attest:SBOM", ""), func(s *call.Solve) bool { return named(s.Images, call.DefaultGenerator) }},
		"attr attest, argument":  {attr("build-arg:BUILDKIT_ATTEST_sbOM", "generator=evil/scan"), func(s *call.Solve) bool { return named(s.Images, "evil/scan") }},
		"attr attest, nothing":   {attr("attest:provenance", "mode=max"), func(s *call.Solve) bool { return len(s.Images)+len(s.Unknown) == 0 }},
		"attr attest, no list":   {attr("attest:sbom", `"x`), unknown},
		"attr attest, empty":     {attr("attest:sbom", "generator="), unknown},
		"attr session":           {attr("local-sessionid:x", "id"), func(s *call.Solve) bool { return slices.Contains(s.Sessions, "id") }},
		"attr address":           {attr("context", "https://192.0.2.1/x"), func(s *call.Solve) bool { return len(s.Fetches) == 1 }},
		"attr named address":     {attr("context:x", "git@example:x"), func(s *call.Solve) bool { return len(s.Fetches) == 1 }},
		"attr caches":            {attr("cache-imports", `[{"Type":"registry","Attrs":{"ref":"r/c"}}]`), func(s *call.Solve) bool { return named(s.CacheRefs, "r/c") }},
		"attr label":             {attr("label:tenant", "x"), func(s *call.Solve) bool { return s.Labels["tenant"] == "x" }},
		"gateway":                {&gateway.SolveRequest{Frontend: "gateway.v0", FrontendOpt: map[string]string{"source": "evil"}}, func(s *call.Solve) bool { return named(s.FrontendImages, "evil") }},
		"gateway without image":  {&gateway.SolveRequest{Frontend: "gateway.v0"}, unknown},
		"another frontend":       {&gateway.SolveRequest{Frontend: "moon.v0"}, unknown},
		"push":                   {exports("image", map[string]string{"name": "a,b", "push": "true"}), func(s *call.Solve) bool { return named(s.Pushes, "a") && named(s.Pushes, "b") && named(s.Names, "b") }},
		"push by digest":         {exports("image", map[string]string{"name": "a", "push-by-digest": "1"}), func(s *call.Solve) bool { return named(s.Pushes, "a") }},
		"exporter":               {exports("moon", nil), unknown},
		"exporter of old":        {&control.SolveRequest{ExporterDeprecated: "moby", ExporterAttrsDeprecated: map[string]string{"name": "a"}, Exporters: []*control.Exporter{{Type: "local"}}}, func(s *call.Solve) bool { return named(s.Names, "a") }},
		"cache elsewhere":        {&control.SolveRequest{Cache: &control.CacheOptions{Exports: []*control.CacheOptionsEntry{{Type: "s3"}}}}, unknown},
		"cache of old":           {&control.SolveRequest{Cache: &control.CacheOptions{ImportRefsDeprecated: []string{"r/c"}}}, func(s *call.Solve) bool { return named(s.CacheRefs, "r/c") }},
		"cache that is sent":     {&control.SolveRequest{Cache: &control.CacheOptions{Exports: []*control.CacheOptionsEntry{{Type: "registry", Attrs: map[string]string{"ref": "r/c"}}}}}, sent},
		"cache of old, sent":     {&control.SolveRequest{Cache: &control.CacheOptions{ExportRefDeprecated: "r/c"}}, sent},
		"cache that is read":     {&control.SolveRequest{Cache: &control.CacheOptions{Imports: []*control.CacheOptionsEntry{{Type: "registry", Attrs: map[string]string{"ref": "r/c"}}}}}, func(s *call.Solve) bool { return len(s.Pushes) == 0 && named(s.CacheRefs, "r/c") }},
		"cache without a look":   {&control.SolveRequest{Cache: &control.CacheOptions{Imports: []*control.CacheOptionsEntry{{Type: "registry", Attrs: map[string]string{"ref": "r/c", "registry.insecure": "true"}}}}}, unknown},
		"cache nowhere":          {&control.SolveRequest{Cache: &control.CacheOptions{Exports: []*control.CacheOptionsEntry{{Type: "registry"}}}}, unknown},
		"policy":                 {&control.SolveRequest{SourcePolicy: &policy.Policy{Rules: []*policy.Rule{{Updates: &policy.Update{Identifier: "https://192.0.2.1/x"}}}}}, func(s *call.Solve) bool { return len(s.Fetches) == 1 }},
		"policy of session":      {&control.SolveRequest{SourcePolicySession: "x"}, unknown},
		"program":                {&control.SolveRequest{Definition: graph(t, host)}, hostNetwork},
		"program of an input":    {&gateway.SolveRequest{FrontendInputs: map[string]*pb.Definition{"x": graph(t, host)}}, hostNetwork},
		"program in a build":     {&control.SolveRequest{Definition: graph(t, &pb.Op{Op: &pb.Op_Build{Build: &pb.BuildOp{Def: graph(t, host)}}})}, hostNetwork},
		"build in a build":       {&control.SolveRequest{Definition: graph(t, &pb.Op{Op: &pb.Op_Build{Build: &pb.BuildOp{Def: graph(t)}}})}, unknown},
		"program of a file":      {&control.SolveRequest{Definition: &pb.Definition{Source: &pb.Source{Infos: []*pb.SourceInfo{{Definition: graph(t, host)}}}}}, hostNetwork},
		"program with rights":    {&control.SolveRequest{Definition: graph(t, exec(&pb.ExecOp{Security: pb.SecurityMode_INSECURE}))}, func(s *call.Solve) bool { return s.Insecure }},
		"program with a device":  {&control.SolveRequest{Definition: graph(t, exec(&pb.ExecOp{CdiDevices: []*pb.CDIDevice{{Name: "v/gpu=0"}}}))}, func(s *call.Solve) bool { return slices.Contains(s.Devices, "v/gpu=0") }},
		"program in a network 9": {&control.SolveRequest{Definition: graph(t, exec(&pb.ExecOp{Network: 9}))}, unknown},
		"program with secrets": {
			&control.SolveRequest{Definition: graph(t, exec(&pb.ExecOp{Mounts: []*pb.Mount{{MountType: pb.MountType_SSH, SSHOpt: &pb.SSHOpt{ID: "default"}}, {MountType: pb.MountType_SECRET, SecretOpt: &pb.SecretOpt{ID: "s"}}}}))},
			func(s *call.Solve) bool { return slices.Equal(s.Secrets, []string{"ssh:default", "secret:s"}) },
		},
		"source image":     {&control.SolveRequest{Definition: graph(t, source("docker-image://r/i:1", nil))}, func(s *call.Solve) bool { return named(s.Images, "r/i:1") }},
		"source address":   {&control.SolveRequest{Definition: graph(t, source("http://192.0.2.1/", nil))}, func(s *call.Solve) bool { return len(s.Fetches) == 1 }},
		"source session":   {&control.SolveRequest{Definition: graph(t, source("local://x", map[string]string{pb.AttrLocalSessionID: "id"}))}, func(s *call.Solve) bool { return slices.Contains(s.Sessions, "id") }},
		"source elsewhere": {&control.SolveRequest{Definition: graph(t, source("moon://x", nil))}, unknown},
		"no step":          {&control.SolveRequest{Definition: &pb.Definition{Def: [][]byte{{0xff}}}}, unknown},
		"look":             {&gateway.ResolveImageConfigRequest{Ref: "r/i:1", SessionID: "id"}, func(s *call.Solve) bool { return named(s.Images, "r/i:1") && slices.Contains(s.Sessions, "id") }},
		"look elsewhere":   {&gateway.ResolveSourceMetaRequest{Source: &pb.SourceOp{Identifier: "git://x/y"}}, func(s *call.Solve) bool { return len(s.Fetches) == 1 }},
	} {
		s, err := Of(c.m)
		if err != nil || s == nil || !c.ok(s) {
			t.Errorf("%s: %v %+v", name, err, s)
		}
	}
}

// What would be said only when it is too late to ask is refused, whoever asks.
func TestRefused(t *testing.T) {
	exports := func(kind string, attrs map[string]string) *control.SolveRequest {
		return &control.SolveRequest{Exporters: []*control.Exporter{{Type: kind, Attrs: attrs}}}
	}
	for name, m := range map[string]proto.Message{
		"push somewhere":        exports("image", map[string]string{"push": "true"}),
		"push an odd switch":    exports("image", map[string]string{"push": "perhaps"}),
		"name of the file":      exports("moby", map[string]string{"name": "*"}),
		"one name of the file":  exports("image", map[string]string{"name": "a,b*"}),
		"name of what has none": exports("image", map[string]string{"name": "a", "dangling-name-prefix": "victim/app"}),
		"push of old":           &control.SolveRequest{ExporterDeprecated: "image", ExporterAttrsDeprecated: map[string]string{"push": "1"}},
		"exporter of session":   &control.SolveRequest{EnableSessionExporter: true},
		"session with prefix":   &control.SolveRequest{Session: "x:id"},
		"attribute with prefix": &control.SolveRequest{FrontendAttrs: map[string]string{"local-sessionid:dockerfile": "x:id"}},
		"source with prefix":    &control.SolveRequest{Definition: graph(t, source("local://x", map[string]string{pb.AttrLocalSessionID: "x:id"}))},
		"look with prefix":      &gateway.ResolveImageConfigRequest{Ref: "r/i:1", SessionID: "x:id"},
	} {
		if _, err := Of(m); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOwnFrontend(t *testing.T) {
	for name, c := range map[string]struct {
		m    proto.Message
		want bool
	}{
		"a build":                    {&control.SolveRequest{Frontend: "dockerfile.v0"}, true},
		"a part of a build":          {&gateway.SolveRequest{Frontend: "dockerfile.v0", FrontendOpt: map[string]string{"target": "x"}}, true},
		"a program that is asked of": {&control.SolveRequest{Frontend: "dockerfile.v0", FrontendAttrs: map[string]string{"build-arg:BUILDKIT_SYNTAX": "x"}}, false},
		"an image":                   {&control.SolveRequest{Frontend: "gateway.v0", FrontendAttrs: map[string]string{"source": "x"}}, false},
		"a definition":               {&control.SolveRequest{}, false},
	} {
		OwnFrontend(c.m)
		attrs := map[string]string{}
		switch m := c.m.(type) {
		case *control.SolveRequest:
			attrs = m.GetFrontendAttrs()
		case *gateway.SolveRequest:
			attrs = m.GetFrontendOpt()
		}
		if v, has := attrs["cmdline"]; has != c.want || v != "" {
			t.Errorf("%s: %v", name, attrs)
		}
	}
}

// What builders do every day has nothing unknown.
func TestOrdinary(t *testing.T) {
	s, err := Of(&control.SolveRequest{
		Ref: "r", Session: "s", Frontend: "dockerfile.v0", Cache: &control.CacheOptions{Exports: []*control.CacheOptionsEntry{{Type: "inline"}}},
		FrontendAttrs: map[string]string{
			"filename": "Dockerfile", "target": "x", "platform": "linux/amd64", "build-arg:A": "b", "label:a": "b", "vcs:revision": "1", "vcs:localdir:context": ".",
			"attest:provenance": "mode=min,inline-only=true", "no-cache": "", "image-resolve-mode": "local", "context:base": "docker-image://r/i:1", "cpusetcpus": "0",
		},
		Exporters: []*control.Exporter{{Type: "moby", Attrs: map[string]string{"name": "docker.io/library/app:1", "push": "false"}}},
	})
	if err != nil || len(s.Unknown) > 0 || len(s.Pushes) > 0 || len(s.Fetches) > 0 || s.HostNetwork || s.Insecure || s.Ref != "r" {
		t.Errorf("%v %+v", err, s)
	}
	if s, err := Of(&control.ListWorkersRequest{}); s != nil || err != nil {
		t.Errorf("a question asks for nothing: %v %v", s, err)
	}
}

// Fields that the builder's types do not have are refused, also deep inside.
// Only who says that the host's own images are to be taken is taken at the guard's word for what they are.
func TestImagesMayBePulledAnew(t *testing.T) {
	for mode, pull := range map[string]bool{"local": false, "pull": true, "default": true, "": true} {
		attrs := map[string]string{}
		if mode != "" {
			attrs["image-resolve-mode"] = mode
		}
		s, err := Of(&control.SolveRequest{Frontend: "dockerfile.v0", FrontendAttrs: attrs})
		if err != nil || s.File == nil || s.File.Pull != pull {
			t.Errorf("%q: %v %+v", mode, err, s)
		}
	}
}

func TestUnknownFields(t *testing.T) {
	odd := protowire.AppendString(protowire.AppendTag(nil, 999, protowire.BytesType), "x")
	op, err := Encode(exec(&pb.ExecOp{}))
	if err != nil {
		t.Fatal(err)
	}
	exporter := protowire.AppendBytes(protowire.AppendTag(nil, 13, protowire.BytesType), odd)
	for name, text := range map[string][]byte{"outside": odd, "in a list": exporter, "cut off": {0x0a, 0xff}} {
		if err := Decode(text, &control.SolveRequest{}); err == nil {
			t.Errorf("%s: it is read", name)
		}
	}
	if s, err := Of(&control.SolveRequest{Definition: &pb.Definition{Def: [][]byte{append(op, odd...)}}}); err != nil || len(s.Unknown) == 0 {
		t.Errorf("a step with an unknown field: %v %+v", err, s)
	}
}

func TestBounds(t *testing.T) {
	deep := graph(t)
	for range mostDepth + 1 {
		deep = &pb.Definition{Source: &pb.Source{Infos: []*pb.SourceInfo{{Definition: deep}}}}
	}
	many := map[string]string{}
	for i := range mostEntries + 1 {
		many[fmt.Sprint("build-arg:", i)] = ""
	}
	for name, m := range map[string]proto.Message{
		"depth":   &control.SolveRequest{Definition: deep},
		"steps":   &control.SolveRequest{Definition: &pb.Definition{Def: make([][]byte, mostOps+1)}},
		"entries": &control.SolveRequest{Frontend: "dockerfile.v0", FrontendAttrs: many},
		"length":  &control.SolveRequest{FrontendAttrs: map[string]string{"target": strings.Repeat("x", longestText+1)}},
	} {
		if _, err := Of(m); !errors.Is(err, ErrTooMuch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a caller repeats as often as he likes costs no more than it may.
func TestCosts(t *testing.T) {
	steps := &pb.Definition{Def: make([][]byte, mostOps)}
	for i := range steps.Def {
		steps.Def[i] = []byte{0xff}
	}
	names := make([]*control.Exporter, mostEntries)
	for i := range names {
		var list []string
		for j := range mostEntries {
			list = append(list, fmt.Sprint(i, "x", j))
		}
		names[i] = &control.Exporter{Type: "image", Attrs: map[string]string{"name": strings.Join(list, ",")}}
	}
	long := map[string]string{}
	for i := range mostEntries {
		long[fmt.Sprint("label:", i)] = strings.Repeat("x", longestText/2)
	}
	for name, m := range map[string]proto.Message{
		"a long name of an input":          &control.SolveRequest{FrontendInputs: map[string]*pb.Definition{strings.Repeat("x", 1<<20): steps}},
		"a long name of a program's input": &gateway.SolveRequest{FrontendInputs: map[string]*pb.Definition{strings.Repeat("x", longestName+1): steps}},
		"names":                            &control.SolveRequest{Exporters: names},
		"labels":                           &control.SolveRequest{Frontend: "dockerfile.v0", FrontendAttrs: long},
	} {
		began := time.Now()
		s, err := Of(m)
		if !errors.Is(err, ErrTooMuch) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s: it took %s", name, took)
		}
		size := 0
		for _, n := range append(append(s.Names, s.Images...), call.Named{Field: strings.Join(s.Unknown, "")}) {
			size += len(n.Field) + len(n.Name)
		}
		if size > 4<<20 {
			t.Errorf("%s: %d bytes are kept", name, size)
		}
	}
	s, err := Of(&control.SolveRequest{Frontend: "dockerfile.v0", FrontendAttrs: map[string]string{strings.Repeat("x", longestText-1): ""}})
	if err != nil || len(s.Unknown) != 1 || len(s.Unknown[0]) > 2*longestField {
		t.Errorf("a long place: %v", err)
	}
}

// Messages with more fields than are read are refused before they are read.
func TestFieldsAreCounted(t *testing.T) {
	exporter := protowire.AppendBytes(protowire.AppendTag(nil, 13, protowire.BytesType), nil)
	cache := protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), nil)
	inner := protowire.AppendBytes(protowire.AppendTag(nil, 8, protowire.BytesType), bytes.Repeat(cache, mostFields))
	packed := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), make([]byte, mostFields+1))
	numbers, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("x.proto"), MessageType: []*descriptorpb.DescriptorProto{{
			Name: proto.String("X"), Field: []*descriptorpb.FieldDescriptorProto{{
				Name: proto.String("x"), Number: proto.Int32(1), Label: descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_INT64.Enum(),
			}},
		}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text []byte
		into proto.Message
	}{
		"in a list":    {bytes.Repeat(exporter, mostFields+1), &control.SolveRequest{}},
		"in a message": {inner, &control.SolveRequest{}},
		"numbers":      {packed, dynamicpb.NewMessage(numbers.Messages().Get(0))},
	} {
		if err := Decode(c.text, c.into); !errors.Is(err, ErrTooMuch) {
			t.Errorf("%s: %v", name, err)
		}
		if proto.Size(c.into) > 0 {
			t.Errorf("%s: it was read", name)
		}
	}
	if n, err := count(bytes.Repeat(exporter, 5), (&control.SolveRequest{}).ProtoReflect().Descriptor()); n != 5 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if err := Decode(protowire.AppendTag(nil, 1, protowire.StartGroupType), &control.SolveRequest{}); err == nil {
		t.Error("a group")
	}
}

// FuzzDecode: whatever comes is refused or means the same when it is written again, and what it asks for is found both times.
func FuzzDecode(f *testing.F) {
	methods := []string{"/moby.buildkit.v1.Control/Solve", "/moby.buildkit.v1.frontend.LLBBridge/Solve", "/moby.buildkit.v1.frontend.LLBBridge/ResolveSourceMeta", "/moby.buildkit.v1.frontend.LLBBridge/Return"}
	for i, m := range []proto.Message{
		&control.SolveRequest{Ref: "r", Entitlements: []string{"network.host"}, Definition: graph(f, exec(&pb.ExecOp{Network: pb.NetMode_HOST}), source("local://x", nil))},
		&gateway.SolveRequest{Frontend: "gateway.v0", FrontendOpt: map[string]string{"source": "x", "context": "https://x"}},
		&gateway.ResolveSourceMetaRequest{Source: &pb.SourceOp{Identifier: "git://x"}},
		&gateway.ReturnRequest{},
	} {
		text, err := Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(i, text)
	}
	f.Fuzz(func(t *testing.T, i int, text []byte) {
		m := Message(methods[uint(i)%uint(len(methods))])
		if Decode(text, m) != nil {
			return
		}
		asks, err := Of(m)
		again, eerr := Encode(m)
		if eerr != nil {
			t.Fatal(eerr)
		}
		n := m.ProtoReflect().New().Interface()
		if derr := Decode(again, n); derr != nil || !proto.Equal(m, n) {
			t.Fatalf("it means something else when it is written again: %v", derr)
		}
		same, serr := Of(n)
		if (err == nil) != (serr == nil) {
			t.Fatalf("%v, and %v", err, serr)
		}
		if err == nil && asks != nil && (asks.HostNetwork != same.HostNetwork || asks.Insecure != same.Insecure || len(asks.Fetches) != len(same.Fetches) || (len(asks.Unknown) > 0) != (len(same.Unknown) > 0)) {
			t.Fatalf("%+v, and %+v", asks, same)
		}
	})
}
