package body

import (
	"bytes"
	"errors"
	"io"
	"reflect"

	"github.com/go-json-experiment/json/jsontext"
)

// without takes the member that a pointer names out of an object, where it says nothing. Texts with a name twice never come here: they are no
// JSON to the reader.
func without(text []byte, pointer jsontext.Pointer) ([]byte, bool) {
	var out bytes.Buffer
	from, to := jsontext.NewDecoder(bytes.NewReader(text)), jsontext.NewEncoder(&out)
	found := false
	for {
		if from.PeekKind() == '"' && isName(from) {
			name, err := from.ReadToken()
			if err != nil {
				return nil, false
			}
			name = name.Clone()
			if from.StackPointer() == pointer {
				value, err := from.ReadValue()
				if err != nil || !idle(value) {
					return nil, false
				}
				found = true
				continue
			}
			if err := to.WriteToken(name); err != nil {
				return nil, false
			}
			continue
		}
		token, err := from.ReadToken()
		if errors.Is(err, io.EOF) {
			return out.Bytes(), found
		}
		if err != nil || to.WriteToken(token) != nil {
			return nil, false
		}
	}
}

// isName says whether the next token is the name of a member.
func isName(d *jsontext.Decoder) bool {
	kind, n := d.StackIndex(d.StackDepth())
	return kind == '{' && n%2 == 0
}

// idle says whether a value says nothing.
func idle(v jsontext.Value) bool {
	if err := v.Compact(); err != nil {
		return false
	}
	switch string(v) {
	case "null", "false", "0", `""`, "[]", "{}":
		return true
	}
	return false
}

// clear empties the value that a pointer points to.
func clear(into any) {
	v := reflect.ValueOf(into).Elem()
	v.Set(reflect.Zero(v.Type()))
}
