// Package images remembers who brought which image to a host: an image can't be labelled afterwards, its own labels are its maker's,
// and a name can be moved from one image to another. Tenants hold images together where each of them pulled the same one.
//
// It decides nothing. What it does not know of belongs to the host.
package images

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"go.etcd.io/bbolt"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/model"
)

// Engine answers what images there are.
type Engine interface {
	Get(ctx context.Context, target string) (status int, body []byte, err error)
	// List has each read every element of a list as it comes.
	List(ctx context.Context, target string, each func(*jsontext.Decoder) error) (status int, err error)
}

// Holder is an account that brought an image.
type Holder struct {
	Tenant string `json:"tenant"`
	Owner  string `json:"owner"`
}

// Images is the memory.
type Images struct {
	file   *file
	engine Engine
	tenant string // the host's own: what those who answer for it bring is the host's, for all to use
	taken  reservations
	waits  waits
}

// Open opens the file, and makes it where it is not there. Tenant is the host's own.
func Open(path string, e Engine, tenant string) (*Images, error) {
	i, err := OpenShared(path, e, tenant)
	if err != nil {
		return nil, err
	}
	return i, i.Keep()
}

// OpenShared is Open while another process uses the file, too: see Share.
func OpenShared(path string, e Engine, tenant string) (*Images, error) {
	f := &file{path: path}
	err := f.update(func(tx *bbolt.Tx) error {
		for _, b := range [][]byte{bucketIDs, bucketNames, bucketPending, bucketBefore} {
			if _, err := tx.CreateBucketIfNotExists(b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", path, err)
	}
	return &Images{file: f, engine: e, tenant: tenant}, nil
}

// Close closes the file.
func (i *Images) Close() error { return i.file.release() }

// Share has another process use the file, too: it is opened for every use from now on. Keep has it for this process alone again, which
// is faster.
func (i *Images) Share() error { return i.file.release() }

// Keep is the way back from Share.
func (i *Images) Keep() error { return i.file.keep() }

// Of gives whom an image belongs to as far as p is concerned: p's own part where p's tenant holds it too. A name that was given here
// belongs to who gave it, whatever image it is for, unless the image is meant by its id.
func (i *Images) Of(o *call.Object, p *model.Principal) (tenant, owner string, err error) {
	var byID []Holder
	var byName *Holder
	err = i.file.view(func(tx *bbolt.Tx) error {
		if text := tx.Bucket(bucketIDs).Get([]byte(o.ID)); text != nil {
			if err := json.Unmarshal(text, &byID); err != nil {
				return err
			}
		} else {
			var err error
			if byID, err = provisional(tx, o.Name, o.ID, p); err != nil {
				return err
			}
		}
		if text := tx.Bucket(bucketNames).Get([]byte(Normal(o.Name))); text != nil && o.Name != "" && !o.ByID {
			byName = &Holder{}
			return json.Unmarshal(text, byName)
		}
		return nil
	})
	if err != nil {
		return "", "", fmt.Errorf("read whom images belong to: %w", err)
	}
	if byName != nil {
		h := whose(*byName, byID, p)
		return h.Tenant, h.Owner, nil
	}
	best := -1
	for n, h := range byID {
		switch {
		case h.Owner == p.ID && h.Tenant == p.Tenant:
			return h.Tenant, h.Owner, nil
		case best < 0, h.Tenant == p.Tenant && byID[best].Tenant != p.Tenant:
			best = n
		}
	}
	if best < 0 {
		return "", "", nil
	}
	return byID[best].Tenant, byID[best].Owner, nil
}

// whose is an image under a name that was given here: who gave it has it. Where only other tenants brought what the name stands for, it takes
// both to use it, and whoever asks is told of the one that he is not.
func whose(name Holder, ids []Holder, p *model.Principal) Holder {
	if name.Tenant != p.Tenant || len(ids) == 0 || slices.ContainsFunc(ids, func(h Holder) bool { return h.Tenant == p.Tenant }) {
		return name
	}
	return ids[0]
}

// Normal is a reference with its tag: "app" and "docker.io/library/app:latest" are one.
func Normal(name string) string {
	if name == "" || strings.HasPrefix(name, "sha256:") {
		return name
	}
	name = strings.TrimPrefix(name, "docker.io/")
	name = strings.TrimPrefix(name, "library/")
	if call.Tagged(name) {
		return name
	}
	return name + ":latest"
}
