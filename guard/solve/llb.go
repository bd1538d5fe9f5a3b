package solve

import (
	"fmt"
	"strings"

	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/protobuf/proto"
)

// definition is a graph of what is built.
func (r *reading) definition(d *pb.Definition, field string) {
	if d == nil || r.err != nil {
		return
	}
	r.depth++
	defer func() { r.depth-- }()
	if r.depth > mostDepth {
		r.fail(field, "definitions are in each other more than %d deep", mostDepth)
		return
	}
	if r.ops += len(d.GetDef()); r.ops > mostOps {
		r.fail(field, "it has more than %d steps", mostOps)
		return
	}
	for i, text := range d.GetDef() {
		if r.err != nil {
			return
		}
		at := fmt.Sprintf("%s/%d", field, i)
		op, err := operation(text)
		if err != nil {
			r.unknown(at, "%v", err)
			continue
		}
		r.op(op, at)
	}
	// A build's file that messages point to may be read again from where it came from.
	if !r.bounded(field+"/Source", len(d.GetSource().GetInfos())) {
		return
	}
	for _, info := range d.GetSource().GetInfos() {
		r.definition(info.GetDefinition(), field+"/Source")
	}
}

// operation reads a step in both ways in which builders read it. Its bytes stay as they are, since others refer to their digest: they
// must mean one thing only.
func operation(text []byte) (*pb.Op, error) {
	op, again := &pb.Op{}, &pb.Op{}
	if err := Decode(text, op); err != nil {
		return nil, err
	}
	if err := again.UnmarshalVT(text); err != nil {
		return nil, fmt.Errorf("the builder does not read it: %w", err)
	}
	if !proto.Equal(op, again) {
		return nil, fmt.Errorf("it can be read in two ways")
	}
	return op, nil
}

func (r *reading) op(op *pb.Op, at string) {
	switch {
	case op.GetExec() != nil:
		r.exec(op.GetExec(), at)
	case op.GetSource() != nil:
		r.source(op.GetSource(), at)
	case op.GetBuild() != nil:
		// The builder takes what it builds then from a file of an input, whatever the definition here says.
		r.definition(op.GetBuild().GetDef(), at)
		r.unknown(at, "what is built is in a file that there is only while it is built")
	case op.GetFile() != nil, op.GetMerge() != nil, op.GetDiff() != nil, op.GetPassthrough() != nil, op.GetOp() == nil:
		// They work on files of what is judged. A step without any operation is the graph's end.
	default:
		r.unknown(at, "the guard does not know such a step")
	}
}

// exec is a program.
func (r *reading) exec(e *pb.ExecOp, at string) {
	switch e.GetNetwork() {
	case pb.NetMode_UNSET, pb.NetMode_NONE:
	case pb.NetMode_HOST:
		r.s.HostNetwork = true
	default:
		r.unknown(at, "the builder has no network %d", e.GetNetwork())
	}
	switch e.GetSecurity() {
	case pb.SecurityMode_SANDBOX:
	case pb.SecurityMode_INSECURE:
		r.s.Insecure = true
	default:
		r.unknown(at, "the builder has no security mode %d", e.GetSecurity())
	}
	if !r.bounded(at, len(e.GetMounts())+len(e.GetSecretenv())+len(e.GetCdiDevices())) {
		return
	}
	for _, d := range e.GetCdiDevices() {
		r.add(&r.s.Devices, d.GetName())
	}
	for _, s := range e.GetSecretenv() {
		r.add(&r.s.Secrets, "secret:"+s.GetID())
	}
	for _, m := range e.GetMounts() {
		r.mount(m, at)
	}
	r.meta(e.GetMeta(), at)
}

func (r *reading) meta(m *pb.Meta, at string) {
	if !r.bounded(at, len(m.GetExtraHosts())+len(m.GetUlimit())) {
		return
	}
	for _, h := range m.GetExtraHosts() {
		r.add(&r.s.ExtraHosts, h.GetHost()+"="+h.GetIP())
	}
	for _, u := range m.GetUlimit() {
		r.add(&r.s.Ulimits, fmt.Sprintf("%s=%d:%d", u.GetName(), u.GetSoft(), u.GetHard()))
	}
	if c := m.GetCgroupParent(); c != "" {
		r.s.CgroupParent = c
	}
}

func (r *reading) mount(m *pb.Mount, at string) {
	switch m.GetMountType() {
	case pb.MountType_BIND, pb.MountType_CACHE, pb.MountType_TMPFS: // of the builder's own store
	case pb.MountType_SECRET:
		r.add(&r.s.Secrets, "secret:"+m.GetSecretOpt().GetID())
	case pb.MountType_SSH:
		r.add(&r.s.Secrets, "ssh:"+m.GetSSHOpt().GetID())
	default:
		r.unknown(at, "the builder has no mount %d", m.GetMountType())
	}
}

func (r *reading) source(s *pb.SourceOp, at string) {
	if s != nil {
		r.identifier(s.GetIdentifier(), s.GetAttrs(), at)
	}
}

// identifier is where a step takes from.
func (r *reading) identifier(id string, attrs map[string]string, at string) {
	if !r.bounded(at, len(attrs)) {
		return
	}
	for _, key := range []string{pb.AttrLocalSessionID, pb.AttrOCILayoutSessionID} {
		r.session(attrs[key])
	}
	scheme, rest, ok := strings.Cut(id, "://")
	switch {
	case id == "":
	case !ok:
		r.unknown(at, "%.100q is no source", id)
	case scheme == "docker-image", scheme == "docker-image+blob":
		r.image(rest, at)
	case scheme == "local", scheme == "oci-layout", scheme == "oci-layout+blob":
		r.add(&r.s.Sources, id)
	case scheme == "git", scheme == "http", scheme == "https":
		r.fetch(id)
	default:
		r.unknown(at, "the guard does not know the source %.100q", id)
	}
}
