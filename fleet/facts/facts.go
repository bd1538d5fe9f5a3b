// Package facts cuts snapshots into facts, so that nodes send what changed and nothing else, and puts them together again.
// It is pure: it reads and keeps nothing. Both sides compute the same digest over the same facts, which is how a server
// knows that it has what the node has.
package facts

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Set are the facts of a snapshot by key.
//
// A part of the snapshot that is an object is cut by its fields ("host/packages"), a list of objects with ids by its elements
// ("containers/3f5a…"), with the order of the elements as a fact of its own ("containers"). All else is one fact.
type Set map[string]model.Fact

// Limits of what is put together: a node can't make the server build without end.
const (
	MostFacts = 200_000
	mostKey   = 300
)

type kind int

const (
	whole kind = iota
	object
	list
)

// kindOf says how a part is cut. A part that is not named is one fact, so a new one works before it is named.
func kindOf(part string) kind {
	switch part {
	case "host", "engine", "firewall", "swarm", "kubernetes":
		return object
	case "containers", "images", "networks":
		return list
	}
	return whole
}

// taken is in no fact: it is new with every snapshot.
const taken = "taken"

// Split cuts a snapshot.
func Split(s *model.Snapshot) (Set, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("cut a snapshot: %w", err)
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(b, &parts); err != nil {
		return nil, fmt.Errorf("cut a snapshot: %w", err)
	}
	delete(parts, taken)
	set := Set{}
	for part, raw := range parts {
		switch kindOf(part) {
		case object:
			err = set.object(part, raw)
		case list:
			err = set.list(part, raw)
		default:
			set.add(part, raw)
		}
		if err != nil {
			return nil, fmt.Errorf("cut %s: %w", part, err)
		}
	}
	return set, nil
}

func (s Set) add(key string, data []byte) {
	s[key] = model.Fact{Key: key, Digest: sum(data), Data: data}
}

// Of is the fact of a key with its digest.
func Of(key string, data []byte) (model.Fact, error) {
	f := model.Fact{Key: key, Digest: sum(data), Data: data}
	return f, check(&f)
}

func (s Set) object(part string, raw json.RawMessage) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return err
	}
	s.add(part, []byte("{}")) // it is there, also without fields
	for name, field := range fields {
		s.add(part+"/"+name, field)
	}
	return nil
}

func (s Set) list(part string, raw json.RawMessage) error {
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return err
	}
	order := make([]string, 0, len(elements))
	for i, e := range elements {
		var named struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(e, &named); err != nil {
			return err
		}
		id := named.ID
		if _, twice := s[part+"/"+id]; twice || !isName(id) || len(id) > mostKey-len(part)-1 {
			id = "#" + strconv.Itoa(i)
		}
		order = append(order, id)
		s.add(part+"/"+id, e)
	}
	b, err := json.Marshal(order)
	if err != nil {
		return err
	}
	s.add(part, b)
	return nil
}

// isName says whether an id can be a key's end: no other element may get it by its place.
func isName(id string) bool { return id != "" && id[0] != '#' && !strings.ContainsAny(id, "\n\x00") }

// Join puts a snapshot together. Facts that don't fit each other, or that are no snapshot of this version, are an error.
func Join(s Set, at time.Time) (*model.Snapshot, error) {
	if len(s) > MostFacts {
		return nil, fmt.Errorf("%d facts are more than a snapshot has", len(s))
	}
	when, err := json.Marshal(at.UTC())
	if err != nil {
		return nil, fmt.Errorf("put a snapshot together: %w", err)
	}
	whole, inner, size := map[string]json.RawMessage{taken: when}, map[string]map[string]json.RawMessage{}, 0
	for key, f := range s {
		// It is written as it is: what is no value by itself could become something else between others.
		if !json.Valid(f.Data) {
			return nil, fmt.Errorf("put a snapshot together: the fact %.40q is no JSON", key)
		}
		size += len(key) + len(f.Data) + len(`"":,`)
		part, name, is := strings.Cut(key, "/")
		switch {
		case !is && part != taken:
			whole[part] = f.Data
		case !is:
		case inner[part] == nil:
			inner[part] = map[string]json.RawMessage{name: f.Data}
		default:
			inner[part][name] = f.Data
		}
	}
	b := bytes.NewBuffer(make([]byte, 0, size+size/8))
	err = writeObject(b, whole, func(part string, data json.RawMessage) error {
		have := inner[part]
		delete(inner, part)
		if have == nil {
			b.Write(data)
			return nil
		}
		if err := join(b, part, data, have); err != nil {
			return fmt.Errorf("put %.40q together: %w", part, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for part := range inner {
		return nil, fmt.Errorf("put %.40q together: its parts are there and it is not", part)
	}
	return model.UnmarshalSnapshot(b.Bytes())
}

// writeObject writes an object of fields that are written by value.
func writeObject(b *bytes.Buffer, fields map[string]json.RawMessage, value func(name string, data json.RawMessage) error) error {
	first := true
	b.WriteByte('{')
	for name, data := range fields {
		if !first {
			b.WriteByte(',')
		}
		first = false
		quoted, err := json.Marshal(name)
		if err != nil {
			return err
		}
		b.Write(quoted)
		b.WriteByte(':')
		if err := value(name, data); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func join(b *bytes.Buffer, part string, head json.RawMessage, have map[string]json.RawMessage) error {
	switch kindOf(part) {
	case object:
		return writeObject(b, have, func(_ string, data json.RawMessage) error { b.Write(data); return nil })
	case list:
		var order []string
		if err := json.Unmarshal(head, &order); err != nil {
			return fmt.Errorf("its order can't be read: %w", err)
		}
		if len(order) != len(have) {
			return fmt.Errorf("it has %d elements and an order of %d", len(have), len(order))
		}
		b.WriteByte('[')
		for i, id := range order {
			e, ok := have[id]
			if !ok {
				return fmt.Errorf("an element of its order is not there, or twice in it")
			}
			delete(have, id)
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(e)
		}
		b.WriteByte(']')
		return nil
	}
	return fmt.Errorf("it has no parts")
}

// Digests are the digests by key.
func (s Set) Digests() map[string]string {
	out := make(map[string]string, len(s))
	for k, f := range s {
		out[k] = f.Digest
	}
	return out
}

// Digest is over all keys and digests; "" for no facts at all.
func Digest(of map[string]string) string {
	if len(of) == 0 {
		return ""
	}
	keys := slices.AppendSeq(make([]string, 0, len(of)), maps.Keys(of))
	slices.Sort(keys)
	h := sha256.New()
	var line []byte
	for _, k := range keys {
		line = append(append(append(append(line[:0], k...), '\n'), of[k]...), '\n')
		h.Write(line)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
