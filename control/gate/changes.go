package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	maxChanges     = 32
	maxChangeBytes = 256
	maxDepth       = 48 // of a message with what is inside it
)

// secret says whether a field must not be kept anywhere. Names count as well as marks, so that a forgotten mark does
// not put a password into the log.
func secret(f protoreflect.FieldDescriptor) bool {
	if o, ok := f.Options().(*descriptorpb.FieldOptions); ok && o.GetDebugRedact() {
		return true
	}
	switch f.Name() {
	case "password", "old_password", "new_password", "secret", "code", "codes", "user_code", "device_code", "recovery_codes",
		"enrolment_code":
		return f.Kind() == protoreflect.StringKind
	}
	return false
}

// redacted is a copy without secrets, or the message itself where it has none.
func redacted(m proto.Message) proto.Message {
	if !hasSecrets(m.ProtoReflect().Descriptor(), nil) {
		return m
	}
	m = proto.Clone(m)
	redact(m.ProtoReflect())
	return m
}

func hasSecrets(d protoreflect.MessageDescriptor, above []protoreflect.FullName) bool {
	for _, name := range above {
		if name == d.FullName() {
			return false
		}
	}
	above = append(above, d.FullName())
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if secret(f) || f.Message() != nil && !f.IsMap() && hasSecrets(f.Message(), above) {
			return true
		}
	}
	return false
}

func redact(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case secret(f):
			m.Clear(f)
		case f.IsMap() || f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				redact(v.List().Get(i).Message())
			}
		default:
			redact(v.Message())
		}
		return true
	})
}

// changesOf says in short what a request asks for: its scalars by path, without secrets, cut to size.
func changesOf(m proto.Message) map[string]string {
	out := map[string]string{}
	collect(m.ProtoReflect(), "", out)
	if len(out) == 0 {
		return nil
	}
	return out
}

func collect(m protoreflect.Message, prefix string, out map[string]string) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() { // in the schema's order, so that the cut is the same every time
		f := fields.Get(i)
		if !m.Has(f) || secret(f) || len(out) >= maxChanges {
			continue
		}
		name := prefix + string(f.Name())
		v := m.Get(f)
		switch {
		case f.Message() != nil && f.Message().FullName() == "google.protobuf.Struct":
			out[name] = "(a document)"
		case f.IsMap():
			out[name] = strconv.Itoa(v.Map().Len()) + " entries"
		case f.IsList():
			out[name] = listText(f, v.List())
		case f.Message() != nil:
			collect(v.Message(), name+".", out)
		default:
			out[name] = scalar(f, v)
		}
	}
}

func listText(f protoreflect.FieldDescriptor, l protoreflect.List) string {
	if f.Message() != nil {
		return strconv.Itoa(l.Len()) + " items"
	}
	var parts []string
	for i, size := 0, 0; i < l.Len() && size <= maxChangeBytes; i++ {
		parts = append(parts, scalar(f, l.Get(i)))
		size += len(parts[i]) + 1
	}
	return cut(strings.Join(parts, ","), maxChangeBytes)
}

func scalar(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch {
	case f.Kind() == protoreflect.BytesKind:
		return digestText(string(v.Bytes()))
	case f.Kind() == protoreflect.EnumKind:
		if e := f.Enum().Values().ByNumber(v.Enum()); e != nil {
			return string(e.Name())
		}
	case f.Name() == "email" || f.Name() == "display_name": // personal
		return digestText(v.String())
	}
	return cut(v.String(), maxChangeBytes)
}

func digestText(s string) string {
	d := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(d[:])
}

// messageOf is what an error says to callers; what it wraps stays out of the record.
func messageOf(err error) string {
	var e *model.Error
	if errors.As(err, &e) {
		return cut(e.Message, maxChangeBytes)
	}
	return "the server made a mistake"
}

// checkDepth bounds how deep messages are nested, documents included.
func checkDepth(m proto.Message) error {
	if deeper(m.ProtoReflect(), maxDepth) {
		return &model.Error{Code: model.CodeTooLarge, Message: "the request is nested too deeply"}
	}
	return nil
}

func deeper(m protoreflect.Message, left int) bool {
	if left == 0 {
		return true
	}
	found := false
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			if f.MapValue().Message() != nil {
				v.Map().Range(func(_ protoreflect.MapKey, e protoreflect.Value) bool {
					found = deeper(e.Message(), left-1)
					return !found
				})
			}
		case f.Message() == nil:
		case f.IsList():
			for i := 0; i < v.List().Len() && !found; i++ {
				found = deeper(v.List().Get(i).Message(), left-1)
			}
		default:
			found = deeper(v.Message(), left-1)
		}
		return !found
	})
	return found
}
