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
	parts := map[string]json.RawMessage{}
	fields := map[string]map[string]json.RawMessage{}
	for key, f := range s {
		part, name, inner := strings.Cut(key, "/")
		switch {
		case !inner:
			parts[part] = f.Data
		case fields[part] == nil:
			fields[part] = map[string]json.RawMessage{name: f.Data}
		default:
			fields[part][name] = f.Data
		}
	}
	for part, have := range fields {
		raw, err := join(part, parts[part], have)
		if err != nil {
			return nil, fmt.Errorf("put %.40q together: %w", part, err)
		}
		parts[part] = raw
	}
	var err error
	if parts[taken], err = json.Marshal(at.UTC()); err != nil {
		return nil, fmt.Errorf("put a snapshot together: %w", err)
	}
	b, err := json.Marshal(parts)
	if err != nil {
		return nil, fmt.Errorf("put a snapshot together: %w", err)
	}
	return model.DecodeSnapshot(bytes.NewReader(b))
}

func join(part string, head json.RawMessage, have map[string]json.RawMessage) (json.RawMessage, error) {
	if head == nil {
		return nil, fmt.Errorf("its parts are there and it is not")
	}
	switch kindOf(part) {
	case object:
		return json.Marshal(have)
	case list:
		var order []string
		if err := json.Unmarshal(head, &order); err != nil {
			return nil, fmt.Errorf("its order can't be read: %w", err)
		}
		if len(order) != len(have) {
			return nil, fmt.Errorf("it has %d elements and an order of %d", len(have), len(order))
		}
		elements := make([]json.RawMessage, len(order))
		for i, id := range order {
			e, ok := have[id]
			if !ok {
				return nil, fmt.Errorf("an element of its order is not there, or twice in it")
			}
			elements[i] = e
			delete(have, id)
		}
		return json.Marshal(elements)
	}
	return nil, fmt.Errorf("it has no parts")
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
	h := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(of)) {
		fmt.Fprintf(h, "%s\n%s\n", k, of[k])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
