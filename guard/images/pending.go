package images

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/bulkhead-security/bulkhead/model"
)

var (
	bucketPending = []byte("pending") // number of a call → pending
	bucketBefore  = []byte("before")  // the same → ids of the images that were the host's before it
)

// pending is a call that brings images and whose end is not known: it is under way, or the guard was killed, or nobody could be asked what
// it brought. What its names came to stand for meanwhile, and nobody else has, is the caller's, so that nothing is for all which somebody
// brought for himself.
type pending struct {
	Holder     Holder   `json:"holder"`
	Names      []string `json:"names"`
	Repository string   `json:"repository,omitempty"` // all of its tags
	Given      bool     `json:"given,omitempty"`
	Built      string   `json:"built,omitempty"` // the label of what it builds

	key    []byte
	before map[string]bool
}

// Calls without a known end are looked after for this long, so many of each account: the engine ends what it does for whoever is gone.
const (
	lingers    = 15 * time.Minute
	mostLinger = 100
)

// nobody holds what several tenants may have brought.
func nobody() Holder { return Holder{Tenant: "-", Owner: "-"} }

// expect notes what a call may bring, before it is made.
func (m *Making) expect() error {
	p := pending{Holder: m.holder, Repository: m.repository, Given: m.given}
	switch m.said.action {
	case "ImageTag": // it brings none
		return nil
	case "ImageBuild", "ContainerCommit":
		p.Built = m.built
	}
	for name := range m.names {
		if name != "" {
			p.Names = append(p.Names, name)
		}
	}
	slices.Sort(p.Names)
	alone := m.i.file.alone()
	err := m.i.file.update(func(tx *bbolt.Tx) error {
		if err := m.i.settle(tx, m.before, m.marked, alone); err != nil {
			return err
		}
		if len(p.Names) == 0 && p.Repository == "" && p.Built == "" {
			return nil
		}
		number, err := tx.Bucket(bucketPending).NextSequence()
		if err != nil {
			return err
		}
		m.pending = binary.BigEndian.AppendUint64(nil, number)
		m.i.waits.begin(m.pending)
		if err := put(tx.Bucket(bucketBefore), string(m.pending), hosts(tx, m.before)); err != nil {
			return err
		}
		return put(tx.Bucket(bucketPending), string(m.pending), p)
	})
	if err != nil {
		m.i.waits.end(m.pending)
		return fmt.Errorf("note what a call may bring: %w", err)
	}
	return nil
}

// hosts are the images that are nobody's.
func hosts(tx *bbolt.Tx, names map[string]string) []string {
	list := []string{}
	for name, id := range names {
		if name == id && tx.Bucket(bucketIDs).Get([]byte(id)) == nil {
			list = append(list, id)
		}
	}
	return list
}

func drop(tx *bbolt.Tx, key []byte) error {
	if key == nil {
		return nil
	}
	return errors.Join(tx.Bucket(bucketPending).Delete(key), tx.Bucket(bucketBefore).Delete(key))
}

// expected are the calls without a known end, in the order in which they began.
func expected(tx *bbolt.Tx) (list []*pending, err error) {
	err = tx.Bucket(bucketPending).ForEach(func(k, v []byte) error {
		p := &pending{key: slices.Clone(k)}
		list = append(list, p)
		return json.Unmarshal(v, p)
	})
	if err != nil {
		return nil, fmt.Errorf("calls that may have brought images: %w", err)
	}
	return list, nil
}

// names says whether a reference is one that the call gives or asks for.
func (p *pending) names(name string) bool {
	return slices.Contains(p.Names, name) || p.Repository != "" && strings.HasPrefix(name, p.Repository+":")
}

// brought says whether an image under a name may be what the call brought.
func (p *pending) brought(tx *bbolt.Tx, name, id string) (bool, error) {
	if !strings.Contains(id, ":") || !p.names(name) { // no image yet
		return false, nil
	}
	was, err := p.was(tx, id)
	return !was, err
}

// was says whether an image was the host's before the call.
func (p *pending) was(tx *bbolt.Tx, id string) (bool, error) {
	if p.before == nil {
		var list []string
		if text := tx.Bucket(bucketBefore).Get(p.key); text != nil {
			if err := json.Unmarshal(text, &list); err != nil {
				return false, fmt.Errorf("images before a call: %w", err)
			}
		}
		p.before = map[string]bool{}
		for _, one := range list {
			p.before[one] = true
		}
	}
	return p.before[id], nil
}

// claims are those calls of a list that may have brought an image.
func claims(tx *bbolt.Tx, list []*pending, name, id string) (of []*pending, err error) {
	for _, p := range list {
		is, err := p.brought(tx, name, id)
		if err != nil {
			return nil, err
		}
		if is {
			of = append(of, p)
		}
	}
	return of, nil
}

// provisional are the holders of an image that is nobody's so far. Where others may have brought it, it is theirs: who did is known at the end.
func provisional(tx *bbolt.Tx, name, id string, p *model.Principal) (own []Holder, err error) {
	list, err := expected(tx)
	if err != nil {
		return nil, err
	}
	of, err := claims(tx, list, Normal(name), id)
	if err != nil {
		return nil, err
	}
	var others []Holder
	for _, c := range of {
		if c.Holder.Tenant == p.Tenant {
			own = append(own, c.Holder)
		} else {
			others = append(others, c.Holder)
		}
	}
	if len(others) > 0 {
		return others, nil
	}
	return own, nil
}
