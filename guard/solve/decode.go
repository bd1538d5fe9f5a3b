package solve

import (
	"fmt"

	control "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// deepest is how deep messages may be in each other.
const deepest = 64

// Message is an empty request of a method; nil where the guard passes its messages on as they are, since they carry no decision.
func Message(method string) proto.Message {
	switch method {
	case "/moby.buildkit.v1.Control/Solve":
		return &control.SolveRequest{}
	case "/moby.buildkit.v1.Control/Status":
		return &control.StatusRequest{}
	case "/moby.buildkit.v1.Control/ListWorkers":
		return &control.ListWorkersRequest{}
	case "/moby.buildkit.v1.Control/Info":
		return &control.InfoRequest{}
	case "/moby.buildkit.v1.Control/DiskUsage":
		return &control.DiskUsageRequest{}
	case "/moby.buildkit.v1.Control/Prune":
		return &control.PruneRequest{}
	case "/moby.buildkit.v1.Control/ListenBuildHistory":
		return &control.BuildHistoryRequest{}
	case "/moby.buildkit.v1.Control/UpdateBuildHistory":
		return &control.UpdateBuildHistoryRequest{}
	}
	return bridge(method)
}

// bridge are those of the programs that read build files.
func bridge(method string) proto.Message {
	switch method {
	case "/moby.buildkit.v1.frontend.LLBBridge/Solve":
		return &gateway.SolveRequest{}
	case "/moby.buildkit.v1.frontend.LLBBridge/ResolveImageConfig":
		return &gateway.ResolveImageConfigRequest{}
	case "/moby.buildkit.v1.frontend.LLBBridge/ResolveSourceMeta":
		return &gateway.ResolveSourceMetaRequest{}
	case "/moby.buildkit.v1.frontend.LLBBridge/ReadFile":
		return &gateway.ReadFileRequest{}
	case "/moby.buildkit.v1.frontend.LLBBridge/ReadDir":
		return &gateway.ReadDirRequest{}
	case "/moby.buildkit.v1.frontend.LLBBridge/StatFile":
		return &gateway.StatFileRequest{}
	case "/moby.buildkit.v1.frontend.LLBBridge/Evaluate":
		return &gateway.EvaluateRequest{}
	case "/moby.buildkit.v1.frontend.LLBBridge/Ping":
		return &gateway.PingRequest{}
	case "/moby.buildkit.v1.frontend.LLBBridge/Inputs":
		return &gateway.InputsRequest{}
	case "/moby.buildkit.v1.frontend.LLBBridge/Return":
		return &gateway.ReturnRequest{}
	case "/moby.buildkit.v1.frontend.LLBBridge/Warn":
		return &gateway.WarnRequest{}
	}
	return nil
}

// Decode reads a message, and refuses fields that its type does not have: another builder may have them.
func Decode(text []byte, into proto.Message) error {
	if _, err := count(text, into.ProtoReflect().Descriptor()); err != nil {
		return err
	}
	if err := (proto.UnmarshalOptions{RecursionLimit: deepest}).Unmarshal(text, into); err != nil {
		return fmt.Errorf("it is no %s: %w", into.ProtoReflect().Descriptor().FullName(), err)
	}
	return known(into.ProtoReflect())
}

// Encode writes a message as it was judged.
func Encode(m proto.Message) ([]byte, error) {
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	return text, nil
}

// known refuses unknown fields anywhere in a message.
func known(m protoreflect.Message) error {
	if n := len(m.GetUnknown()); n > 0 {
		return fmt.Errorf("%s has fields that the guard does not know (%d bytes)", m.Descriptor().FullName(), n)
	}
	var err error
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			if f.MapValue().Message() != nil {
				v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
					err = known(v.Message())
					return err == nil
				})
			}
		case f.Message() == nil:
		case f.IsList():
			for i := 0; i < v.List().Len() && err == nil; i++ {
				err = known(v.List().Get(i).Message())
			}
		default:
			err = known(v.Message())
		}
		return err == nil
	})
	return err
}
