package gate

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/model"
)

// malformedField has, in a message that could not be read, the reason. It is the highest number that a field can have, and no
// field of the API has it.
const malformedField = protowire.MaxValidNumber

// Malformed marks a message as one that could not be read. A codec does that instead of failing: its error would reach the
// caller without a code and without what to do.
func Malformed(m proto.Message, why error) {
	proto.Reset(m)
	b := protowire.AppendTag(nil, malformedField, protowire.BytesType)
	m.ProtoReflect().SetUnknown(protowire.AppendString(b, cut(printable(why.Error()), maxChangeBytes)))
}

func malformed(m proto.Message) error {
	number, kind, n := protowire.ConsumeTag(m.ProtoReflect().GetUnknown())
	if number != malformedField || kind != protowire.BytesType {
		return nil
	}
	why, _ := protowire.ConsumeString(m.ProtoReflect().GetUnknown()[n:])
	return &model.Error{
		Code: model.CodeInvalid, Message: "the request can't be read: " + why,
		Remedy: "Send one JSON object with the fields that docs/api.md names, in their types.",
	}
}
