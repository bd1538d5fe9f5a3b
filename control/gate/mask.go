package gate

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/bulkhead-security/bulkhead/model"
)

const maxPaths = 64

func checkMask(m proto.Message, mask *fieldmaskpb.FieldMask, field string) error {
	if len(mask.GetPaths()) > maxPaths {
		return &model.Error{Code: model.CodeTooLarge, Message: field + ": too many paths", Field: field}
	}
	for _, path := range mask.GetPaths() {
		one := &fieldmaskpb.FieldMask{Paths: []string{path}}
		if path != "*" && !one.IsValid(m) {
			return &model.Error{Code: model.CodeInvalid, Message: field + ": there is no field " + cut(path, 64), Field: field}
		}
	}
	return nil
}

// branch is a set of fields; one without children is wanted whole.
type branch map[protoreflect.Name]branch

func tree(paths []string) branch {
	root := branch{}
	for _, path := range paths {
		if path == "*" {
			return nil
		}
		at := root
		names := strings.Split(path, ".")
		for i, name := range names {
			next, there := at[protoreflect.Name(name)]
			if there && next == nil { // wanted whole already
				break
			}
			if i == len(names)-1 {
				at[protoreflect.Name(name)] = nil
				break
			}
			if !there {
				next = branch{}
				at[protoreflect.Name(name)] = next
			}
			at = next
		}
	}
	return root
}

func keep(m protoreflect.Message, wanted branch) {
	if wanted == nil {
		return
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		inner, ok := wanted[f.Name()]
		switch {
		case !ok:
			m.Clear(f)
		case inner != nil && f.Message() != nil && !f.IsList() && !f.IsMap():
			keep(v.Message(), inner)
		}
		return true
	})
	m.SetUnknown(nil)
}
