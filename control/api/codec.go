package api

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/control/gate"
)

// strictJSON reads JSON as it is meant: a field that the schema does not know is an error, since it was probably
// misspelt and its sender believes that it counts. Connect's own codec skips such fields.
type strictJSON struct{ name string }

// Name implements connect.Codec.
func (c strictJSON) Name() string { return c.name }

// Marshal implements connect.Codec.
func (strictJSON) Marshal(v any) ([]byte, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no message", v)
	}
	return protojson.Marshal(m)
}

// Unmarshal implements connect.Codec. An empty body is an empty message; one that can't be read is refused by the gate.
func (strictJSON) Unmarshal(b []byte, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is no message", v)
	}
	if len(b) == 0 {
		proto.Reset(m)
		return nil
	}
	if err := protojson.Unmarshal(b, m); err != nil {
		gate.Malformed(m, err)
	}
	return nil
}
