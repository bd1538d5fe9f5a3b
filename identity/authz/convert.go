package authz

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go/types"

	"github.com/bulkhead-security/bulkhead/model"
)

// converter turns attributes and facts into Cedar's values, within bounds.
type converter struct {
	schema *Schema
	count  int
}

var errTooLarge = errors.New("it is too large or nested too deeply")

func (c *converter) value(v any, depth int) (types.Value, error) {
	if c.count++; c.count > maxValues || depth > maxNesting {
		return nil, errTooLarge
	}
	switch v := v.(type) {
	case string:
		return types.String(v), nil
	case bool:
		return types.Boolean(v), nil
	case int:
		return types.Long(v), nil
	case int64:
		return types.Long(v), nil
	case float64: // numbers that came through JSON
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return nil, fmt.Errorf("%v is no whole number", v)
		}
		return types.Long(int64(v)), nil
	case time.Time:
		return types.NewDatetime(v), nil
	case model.Ref:
		return c.schema.uid(v)
	case []string:
		return sets(c, v, depth)
	case []model.Ref:
		return sets(c, v, depth)
	case []any:
		return sets(c, v, depth)
	case map[string]any:
		return c.record(v, depth)
	}
	return nil, fmt.Errorf("%T is no value of a policy", v)
}

// check finds what value would refuse, and makes nothing.
func (c *converter) check(v any, depth int) error {
	switch v := v.(type) {
	case []string:
		if c.count += 1 + len(v); c.count > maxValues || depth > maxNesting || depth == maxNesting && len(v) > 0 {
			return errTooLarge
		}
		return nil
	case map[string]any:
		if _, reference := v["type"]; reference {
			break
		}
		if c.count++; c.count > maxValues || depth > maxNesting {
			return errTooLarge
		}
		for _, e := range v {
			if err := c.check(e, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	_, err := c.value(v, depth)
	return err
}

func sets[T any](c *converter, list []T, depth int) (types.Value, error) {
	values := make([]types.Value, len(list))
	for i, e := range list {
		var err error
		if values[i], err = c.value(e, depth+1); err != nil {
			return nil, err
		}
	}
	return types.NewSet(values...), nil
}

// record is a record, or a reference that came through JSON: exactly a "type" of the schema and an "id".
func (c *converter) record(m map[string]any, depth int) (types.Value, error) {
	typ, isType := m["type"].(string)
	id, isID := m["id"].(string)
	if len(m) == 2 && isType && isID && c.schema.HasType(typ) {
		return c.schema.uid(model.Ref{Type: typ, ID: id})
	}
	out := make(types.RecordMap, len(m))
	for k, v := range m {
		var err error
		if out[types.String(strings.Clone(k))], err = c.value(v, depth+1); err != nil {
			return nil, err
		}
	}
	return types.NewRecord(out), nil
}
