package gate

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// rule is what a method's descriptor says, read once.
type rule struct {
	access        *bulkheadv1.Access
	idPath        []protoreflect.FieldDescriptor
	tenantPath    []protoreflect.FieldDescriptor
	input, output protoreflect.MessageType
	stream        bool
}

func (r *rule) public() bool { return r.access.GetDoor() == bulkheadv1.Door_DOOR_PUBLIC }
func (r *rule) self() bool   { return r.access.GetDoor() == bulkheadv1.Door_DOOR_SELF }

// changes says whether the method changes something; an effect that was not set counts as a change.
func (r *rule) changes() bool { return r.access.GetEffect() != bulkheadv1.Effect_EFFECT_READ }

// own says whether an empty id means the caller's account, as in CreateTokenRequest.user.
func (r *rule) own() bool {
	return r.access.GetResource() == "User" && len(r.idPath) > 0 && r.idPath[len(r.idPath)-1].Name() == "user"
}

// readRules reads the marks of every method of the API by procedure, e.g. "/bulkhead.v1.UserService/GetUser".
func readRules() (map[string]*rule, error) {
	rules := map[string]*rule{}
	var failed error
	protoregistry.GlobalFiles.RangeFilesByPackage("bulkhead.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			methods := f.Services().Get(i).Methods()
			for j := range methods.Len() {
				m := methods.Get(j)
				r, err := readRule(m)
				if err != nil {
					failed = fmt.Errorf("gate: marks of %s: %w", m.FullName(), err)
					return false
				}
				if r != nil {
					rules[procedure(m)] = r
				}
			}
		}
		return true
	})
	return rules, failed
}

func procedure(m protoreflect.MethodDescriptor) string {
	return "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
}

// readRule gives nil for a method without marks.
func readRule(m protoreflect.MethodDescriptor) (*rule, error) {
	access, ok := proto.GetExtension(m.Options(), bulkheadv1.E_Access).(*bulkheadv1.Access)
	if !ok || access == nil {
		return nil, nil //nolint:nilnil // the caller leaves it out
	}
	r := &rule{access: access, stream: m.IsStreamingServer()}
	if m.IsStreamingClient() {
		return nil, fmt.Errorf("the door has no way for streams of requests")
	}
	if (access.GetAction() == "") != r.public() {
		return nil, fmt.Errorf("an action is needed, except at the public door")
	}
	if access.GetResource() != "" && access.GetResource() != model.TypeSystem && access.GetIdField() == "" {
		return nil, fmt.Errorf("resource %s needs id_field", access.GetResource())
	}
	var err error
	if r.idPath, err = fieldPath(m.Input(), access.GetIdField()); err != nil {
		return nil, err
	}
	if r.tenantPath, err = fieldPath(m.Input(), access.GetTenantField()); err != nil {
		return nil, err
	}
	if r.input, err = protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName()); err != nil {
		return nil, err
	}
	r.output, err = protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	return r, err
}

// fieldPath finds the fields of a path such as "user.id"; the last must be a string.
func fieldPath(m protoreflect.MessageDescriptor, path string) ([]protoreflect.FieldDescriptor, error) {
	if path == "" {
		return nil, nil
	}
	names := strings.Split(path, ".")
	fields := make([]protoreflect.FieldDescriptor, len(names))
	for i, name := range names {
		f := m.Fields().ByName(protoreflect.Name(name))
		last := i == len(names)-1
		switch {
		case f == nil || f.IsList() || f.IsMap():
			return nil, fmt.Errorf("%s has no single field %q", m.FullName(), path)
		case last && f.Kind() != protoreflect.StringKind, !last && f.Kind() != protoreflect.MessageKind:
			return nil, fmt.Errorf("%s: %q does not lead to a string", m.FullName(), path)
		}
		fields[i] = f
		m = f.Message()
	}
	return fields, nil
}

// stringAt reads the string at the path; a message that is not there gives "".
func stringAt(m protoreflect.Message, path []protoreflect.FieldDescriptor) string {
	for i, f := range path {
		if i == len(path)-1 {
			return m.Get(f).String()
		}
		m = m.Get(f).Message()
	}
	return ""
}
