// Package images remembers who brought which image to a host: an image can't be labelled afterwards, its own labels are its maker's,
// and a name can be moved from one image to another. Tenants hold images together where each of them pulled the same one.
//
// It decides nothing. What it does not know of belongs to the host.
package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/model"
)

// Engine answers what images there are.
type Engine interface {
	Get(ctx context.Context, target string) (status int, body []byte, err error)
}

// Holder is an account that brought an image.
type Holder struct {
	Tenant string `json:"tenant"`
	Owner  string `json:"owner"`
}

// Images is the memory.
type Images struct {
	db     *bbolt.DB
	engine Engine
	// making is held by calls that make images, so that what is new after one is that one's; readers don't wait.
	making sync.Mutex
}

var (
	bucketIDs   = []byte("ids")   // id → []Holder
	bucketNames = []byte("names") // reference → Holder, of names that were given here and not at a registry
)

// Most images and holders that are remembered.
const (
	mostHolders = 1000
	openTime    = 5 * time.Second
)

// Open opens the file, and makes it where it is not there.
func Open(path string, e Engine) (*Images, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: openTime})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, b := range [][]byte{bucketIDs, bucketNames} {
			if _, err := tx.CreateBucketIfNotExists(b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare %s: %w", path, err), db.Close())
	}
	return &Images{db: db, engine: e}, nil
}

// Close closes the file.
func (i *Images) Close() error { return i.db.Close() }

// Of gives whom an image belongs to as far as p is concerned: p's own part where p's tenant holds it too. A name that was given here
// belongs to who gave it, whatever image it is for.
func (i *Images) Of(o *call.Object, p *model.Principal) (tenant, owner string, err error) {
	var byID []Holder
	var byName *Holder
	err = i.db.View(func(tx *bbolt.Tx) error {
		if text := tx.Bucket(bucketIDs).Get([]byte(o.ID)); text != nil {
			if err := json.Unmarshal(text, &byID); err != nil {
				return err
			}
		}
		if text := tx.Bucket(bucketNames).Get([]byte(Normal(o.Name))); text != nil && o.Name != "" {
			byName = &Holder{}
			return json.Unmarshal(text, byName)
		}
		return nil
	})
	if err != nil {
		return "", "", fmt.Errorf("read whom images belong to: %w", err)
	}
	if byName != nil {
		return byName.Tenant, byName.Owner, nil
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

// Normal is a reference with its tag: "app" and "docker.io/library/app:latest" are one.
func Normal(name string) string {
	if name == "" || strings.HasPrefix(name, "sha256:") {
		return name
	}
	name = strings.TrimPrefix(name, "docker.io/")
	name = strings.TrimPrefix(name, "library/")
	if strings.Contains(name, "@") || strings.LastIndexByte(name, ':') > strings.LastIndexByte(name, '/') {
		return name
	}
	return name + ":latest"
}

// makes says which calls bring images, and whether the name comes from a registry.
func makes(a *call.Ask) (brings, named bool) {
	switch a.Call.Route.Action {
	case "ImagePull":
		return true, a.Call.Query.Texts["fromSrc"] != ""
	case "ImageLoad", "ImageBuild", "ContainerCommit", "ImageTag":
		return true, true
	}
	return false, false
}

// Watch is called before a call is made. What it gives is called after it, and remembers what the call brought. Calls that bring no
// images cost nothing.
func (i *Images) Watch(ctx context.Context, a *call.Ask) (func(ctx context.Context) error, error) {
	brings, named := makes(a)
	if !brings {
		return func(context.Context) error { return nil }, nil
	}
	before, err := i.list(ctx)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return i.after(ctx, a, before, named) }, nil
}

type image struct {
	ID       string   `json:"Id"`
	RepoTags []string `json:"RepoTags"`
}

func (i *Images) list(ctx context.Context) (map[string]string, error) {
	status, body, err := i.engine.Get(ctx, "/images/json?all=1")
	if err != nil {
		return nil, err
	}
	var list []image
	if status != 200 {
		return nil, fmt.Errorf("the engine does not list its images: %d", status)
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("the engine's list of images: %w", err)
	}
	names := map[string]string{}
	for _, m := range list {
		names["\x00"+m.ID] = m.ID
		for _, t := range m.RepoTags {
			names[Normal(t)] = m.ID
		}
	}
	return names, nil
}

func (i *Images) after(ctx context.Context, a *call.Ask, before map[string]string, named bool) error {
	i.making.Lock()
	defer i.making.Unlock()
	now, err := i.list(ctx)
	if err != nil {
		return err
	}
	h := Holder{Tenant: a.Subject.Principal.Tenant, Owner: a.Subject.Principal.ID}
	wanted := map[string]bool{}
	for _, o := range objects(a) {
		wanted[Normal(o.Name)] = true
	}
	return i.db.Update(func(tx *bbolt.Tx) error {
		for name, id := range now {
			if before[name] == id && !wanted[name] {
				continue
			}
			if err := hold(tx, id, h); err != nil {
				return err
			}
			if name[0] == 0 || !named {
				continue
			}
			if err := put(tx.Bucket(bucketNames), name, h); err != nil {
				return err
			}
		}
		return forget(tx, now)
	})
}

func objects(a *call.Ask) []call.Object {
	var list []call.Object
	if a.Object != nil && a.Object.Kind == route.Image && a.Call.Route.Action != "ImageTag" {
		list = append(list, *a.Object)
	}
	for _, u := range a.Uses {
		if u.Object.Kind == route.Image && u.Action == "ImageTag" {
			list = append(list, u.Object)
		}
	}
	return list
}

func hold(tx *bbolt.Tx, id string, h Holder) error {
	b := tx.Bucket(bucketIDs)
	var list []Holder
	if text := b.Get([]byte(id)); text != nil {
		if err := json.Unmarshal(text, &list); err != nil {
			return fmt.Errorf("whom image %s belongs to: %w", id, err)
		}
	}
	if slices.Contains(list, h) || len(list) >= mostHolders {
		return nil
	}
	return put(b, id, append(list, h))
}

func put(b *bbolt.Bucket, key string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.Put([]byte(key), text)
}

// forget drops what is not there any more.
func forget(tx *bbolt.Tx, now map[string]string) error {
	for bucket, mark := range map[string]string{string(bucketIDs): "\x00", string(bucketNames): ""} {
		b := tx.Bucket([]byte(bucket))
		var gone [][]byte
		err := b.ForEach(func(k, _ []byte) error {
			if _, there := now[mark+string(k)]; !there {
				gone = append(gone, slices.Clone(k))
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, k := range gone {
			if err := b.Delete(k); err != nil {
				return err
			}
		}
	}
	return nil
}
