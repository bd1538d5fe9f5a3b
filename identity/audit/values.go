package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Attributes of a request are typed; JSON knows fewer types. A value that JSON can't tell is written as an object with one
// key that begins with $; a map's own keys that begin with $ get another one.
const (
	tagTime = "$time"
	tagRef  = "$ref"
	tagInt  = "$int" // beyond what every JSON reader keeps exactly
	tagRefs = "$refs"
)

const (
	maxDepth    = 8
	exactDouble = 1 << 53
)

var errDeep = errors.New("attributes are nested too deeply")

func tagRequest(q *model.Request) *model.Request {
	if q == nil {
		return nil
	}
	out := *q
	out.Facts = tagMap(q.Facts, 0)
	out.Resource.Attrs = tagMap(q.Resource.Attrs, 0)
	if q.Objects != nil {
		out.Objects = make([]model.Object, len(q.Objects))
		for i, o := range q.Objects {
			o.Attrs = tagMap(o.Attrs, 0)
			out.Objects[i] = o
		}
	}
	return &out
}

func tagMap(m map[string]any, depth int) map[string]any {
	if m == nil {
		return nil
	}
	out := make(map[string]any, len(m))
	for k, v := range m {
		if strings.HasPrefix(k, "$") {
			k = "$" + k
		}
		out[k] = tag(v, depth+1)
	}
	return out
}

func tag(v any, depth int) any {
	if depth > maxDepth {
		return digest(fmt.Sprint(v))
	}
	switch v := v.(type) {
	case string:
		return clip(v, maxText)
	case bool:
		return v
	case int:
		return tag(int64(v), depth)
	case int64:
		if v > -exactDouble && v < exactDouble {
			return v
		}
		return map[string]any{tagInt: strconv.FormatInt(v, 10)}
	case time.Time:
		return map[string]any{tagTime: v.UTC().Format(time.RFC3339Nano)}
	case model.Ref:
		return map[string]any{tagRef: v}
	case []model.Ref:
		return map[string]any{tagRefs: append([]model.Ref{}, v...)} // a nil list is an empty one, not null
	case []string:
		return append([]string{}, v...)
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = tag(x, depth+1)
		}
		return out
	case map[string]any:
		return tagMap(v, depth)
	default:
		return fmt.Sprint(v)
	}
}

func untagRequest(q *model.Request) (*model.Request, error) {
	if q == nil {
		return nil, nil
	}
	out := *q
	var err error
	if out.Facts, err = untagMap(q.Facts, 0); err != nil {
		return nil, err
	}
	if out.Resource.Attrs, err = untagMap(q.Resource.Attrs, 0); err != nil {
		return nil, err
	}
	for i := range out.Objects {
		if out.Objects[i].Attrs, err = untagMap(out.Objects[i].Attrs, 0); err != nil {
			return nil, err
		}
	}
	return &out, nil
}

func untagMap(m map[string]any, depth int) (map[string]any, error) {
	if m == nil {
		return nil, nil
	}
	if depth > 4*maxDepth {
		return nil, errDeep
	}
	out := make(map[string]any, len(m))
	for k, v := range m {
		x, err := untag(v, depth+1)
		if err != nil {
			return nil, fmt.Errorf("attribute %.40q: %w", k, err)
		}
		if strings.HasPrefix(k, "$$") {
			k = k[1:]
		}
		out[k] = x
	}
	return out, nil
}

func untag(v any, depth int) (any, error) {
	switch v := v.(type) {
	case json.Number:
		return v.Int64()
	case []any:
		return untagList(v, depth)
	case map[string]any:
		if len(v) == 1 {
			for k, x := range v {
				if strings.HasPrefix(k, "$") && !strings.HasPrefix(k, "$$") {
					return untagValue(k, x)
				}
			}
		}
		return untagMap(v, depth)
	case nil:
		return nil, errors.New("null is no value of an attribute")
	default:
		return v, nil
	}
}

// untagList gives []string where all are strings, as it is for every list that the product makes.
func untagList(v []any, depth int) (any, error) {
	if depth > 4*maxDepth {
		return nil, errDeep
	}
	texts := make([]string, 0, len(v))
	out := make([]any, 0, len(v))
	for _, x := range v {
		if s, ok := x.(string); ok {
			texts = append(texts, s)
		}
		x, err := untag(x, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	if len(texts) == len(v) {
		return texts, nil
	}
	return out, nil
}

func untagValue(k string, v any) (any, error) {
	switch k {
	case tagTime:
		s, _ := v.(string)
		return time.Parse(time.RFC3339Nano, s)
	case tagInt:
		s, _ := v.(string)
		return strconv.ParseInt(s, 10, 64)
	case tagRef:
		return ref(v)
	case tagRefs:
		list, ok := v.([]any)
		if !ok {
			return nil, errors.New("$refs is no list")
		}
		refs := make([]model.Ref, 0, len(list))
		for _, x := range list {
			r, err := ref(x)
			if err != nil {
				return nil, err
			}
			refs = append(refs, r)
		}
		return refs, nil
	}
	return nil, fmt.Errorf("unknown kind of value %.20q", k)
}

func ref(v any) (model.Ref, error) {
	m, ok := v.(map[string]any)
	typ, ok1 := m["type"].(string)
	id, ok2 := m["id"].(string)
	if !ok || !ok1 || !ok2 {
		return model.Ref{}, errors.New("$ref needs type and id")
	}
	return model.Ref{Type: typ, ID: id}, nil
}
