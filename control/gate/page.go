package gate

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// PageOf turns a page's wishes into a query. fields are those that its filter may name.
func PageOf(p *bulkheadv1.Page, fields Fields) (model.Query, error) {
	where, err := Filter(p.GetFilter(), fields)
	if err != nil {
		return model.Query{}, err
	}
	return model.Query{Where: where, Size: int(p.GetSize()), Token: p.GetToken()}, nil
}

// Mask clears all of the message that the mask does not name; a nil or empty mask leaves it as it is.
func Mask(m proto.Message, mask *fieldmaskpb.FieldMask) error {
	if len(mask.GetPaths()) == 0 {
		return nil
	}
	if err := checkMask(m, mask, "page.read_mask"); err != nil {
		return err
	}
	keep(m.ProtoReflect(), tree(mask.GetPaths()))
	return nil
}

// MaskAll masks every item of a list. The mask is checked also where the list is empty.
func MaskAll[T proto.Message](items []T, mask *fieldmaskpb.FieldMask) error {
	if len(mask.GetPaths()) == 0 {
		return nil
	}
	var zero T
	if err := checkMask(zero.ProtoReflect().Type().New().Interface(), mask, "page.read_mask"); err != nil {
		return err
	}
	for _, m := range items {
		keep(m.ProtoReflect(), tree(mask.GetPaths()))
	}
	return nil
}

// Wanted gives for each field that can be changed whether an update names it; an empty mask names all of them. A path
// that is not among them is an error.
func Wanted(mask *fieldmaskpb.FieldMask, changeable ...string) (map[string]bool, error) {
	out := map[string]bool{}
	for _, f := range changeable {
		out[f] = len(mask.GetPaths()) == 0
	}
	for _, path := range mask.GetPaths() {
		if path == "*" {
			for _, f := range changeable {
				out[f] = true
			}
			continue
		}
		if _, ok := out[path]; !ok {
			return nil, &model.Error{
				Code: model.CodeInvalid, Message: "update_mask: " + cut(path, 64) + " can't be changed", Field: "update_mask",
				Remedy: "Name only fields that can be changed; docs/api.md lists them.",
			}
		}
		out[path] = true
	}
	return out, nil
}
