// Package images remembers who brought which image to a host: an image can't be labelled afterwards, its own labels are its maker's,
// and a name can be moved from one image to another. Tenants hold images together where each of them pulled the same one.
//
// It decides nothing. What it does not know of belongs to the host.
package images

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

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
	file   *file
	engine Engine
	tenant string // the host's own: what those who answer for it bring is the host's, for all to use
	taken  reservations
}

var (
	bucketIDs   = []byte("ids")   // id → []Holder
	bucketNames = []byte("names") // reference → Holder, of names that were given here and not at a registry
)

// mostHolders are those of one image that are remembered.
const mostHolders = 1000

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
		for _, b := range [][]byte{bucketIDs, bucketNames} {
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
// belongs to who gave it, whatever image it is for.
func (i *Images) Of(o *call.Object, p *model.Principal) (tenant, owner string, err error) {
	var byID []Holder
	var byName *Holder
	err = i.file.view(func(tx *bbolt.Tx) error {
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

// Making is a call that brings images, under way.
type Making struct {
	i      *Images
	holder Holder
	said   said
	before map[string]string // what names stood for
	// names are those that the call gives, or asks a registry for; repository is there where it asks for all of one.
	names      map[string]bool
	repository string
	given      bool   // the names are given here, and not at a registry
	source     string // of a tag
	built      string // what is on each step of what the caller builds
	reserved   []string
}

// Watch is called before a call is made. What it gives is shown the engine's answer, and ended after it. Only what the call itself names, and
// what the engine says that it made, is the caller's: what appears meanwhile may be another's.
func (i *Images) Watch(ctx context.Context, a *call.Ask) (said io.Writer, end func(context.Context) error, err error) {
	m, err := i.making(ctx, a)
	if m == nil || err != nil {
		return nil, func(context.Context) error { return nil }, err
	}
	if err := i.reserve(m); err != nil {
		return nil, func(context.Context) error { return nil }, err
	}
	return m, func(ctx context.Context) error {
		defer i.taken.release(m)
		return m.End(ctx)
	}, nil
}

func (i *Images) making(ctx context.Context, a *call.Ask) (*Making, error) {
	if p := &a.Subject.Principal; p.Tenant == i.tenant && answers(p.Roles) {
		return nil, nil //nolint:nilnil // it is the host's
	}
	m := &Making{i: i, holder: Holder{Tenant: a.Subject.Principal.Tenant, Owner: a.Subject.Principal.ID}, names: map[string]bool{}, given: true}
	switch a.Call.Route.Action {
	case "ImagePull":
		m.given = a.Call.Query.Texts["fromSrc"] != ""
		if !m.given && a.Call.Query.Texts["tag"] == "" && !call.Tagged(a.Call.Query.Texts["fromImage"]) {
			m.repository = strings.TrimSuffix(Normal(a.Call.Query.Texts["fromImage"]), ":latest")
		}
	case "ImageLoad", "ImageBuild", "BuildSolve", "ContainerCommit", "ImageTag":
	default:
		return nil, nil //nolint:nilnil // it brings none
	}
	m.said.action, m.said.quiet = a.Call.Route.Action, a.Call.Query.Bools["q"]
	m.built = call.BuiltBy(m.holder.Tenant, m.holder.Owner)
	if a.Object != nil {
		m.source = a.Object.ID
	}
	for _, o := range objects(a) {
		m.names[Normal(o.Name)] = true
	}
	var err error
	m.before, _, err = i.list(ctx)
	return m, err
}

// answers says whether somebody with these roles answers for the host, and does not only work on it.
func answers(roles []string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return r != model.RoleDeveloper })
}

// Write implements io.Writer: it is shown the engine's answer as it goes by.
func (m *Making) Write(p []byte) (int, error) { return m.said.Write(p) }

type image struct {
	ID          string   `json:"Id"`
	RepoTags    []string `json:"RepoTags"`
	RepoDigests []string `json:"RepoDigests"`
	Labels      map[string]string
}

// list has what every name stands for, and every id for itself; and by id who the guard noted in an image to have built it.
func (i *Images) list(ctx context.Context) (names, built map[string]string, err error) {
	status, body, err := i.engine.Get(ctx, "/images/json?all=1")
	if err != nil {
		return nil, nil, err
	}
	var list []image
	if status != http.StatusOK {
		return nil, nil, fmt.Errorf("the engine does not list its images: %d", status)
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, nil, fmt.Errorf("the engine's list of images: %w", err)
	}
	names, built = map[string]string{}, map[string]string{}
	for _, m := range list {
		names[m.ID] = m.ID
		if by := m.Labels[call.LabelBuild]; by != "" {
			built[m.ID] = by
		}
		for _, t := range append(m.RepoTags, m.RepoDigests...) {
			names[Normal(t)] = m.ID
		}
	}
	return names, built, nil
}

// End remembers what the call brought.
func (m *Making) End(ctx context.Context) error {
	m.said.end()
	for _, name := range m.said.names {
		m.names[Normal(name)] = true
	}
	now, built, err := m.i.list(ctx)
	if err != nil {
		return err
	}
	return m.i.file.update(func(tx *bbolt.Tx) error {
		if err := m.steps(tx, built); err != nil {
			return err
		}
		for name, id := range now {
			if !m.brought(name, id) {
				continue
			}
			if err := m.keep(tx, name, id); err != nil {
				return err
			}
		}
		return forget(tx, now)
	})
}

// brought says whether a name or id is of what the call made. That a name is there afterwards says nothing: others pull and build meanwhile.
func (m *Making) brought(name, id string) bool {
	moved := m.before[name] != id
	switch m.said.action {
	case "ImagePull":
		if m.given { // an import: the engine says the id
			return slices.Contains(m.said.ids, id) && (name == id || m.names[name])
		}
		if !m.said.pulled {
			return false
		}
		return m.names[name] || moved && m.repository != "" && strings.HasPrefix(name, m.repository+":")
	case "ImageTag":
		return m.names[name] && id == m.source
	case "ImageLoad":
		return m.names[name] || slices.Contains(m.said.ids, name)
	}
	return slices.Contains(m.said.ids, id) && (name == id || m.names[name])
}

// steps gives the caller what a build left behind on its way: also one that failed, and whose steps nobody names.
func (m *Making) steps(tx *bbolt.Tx, built map[string]string) error {
	if m.said.action != "ImageBuild" {
		return nil
	}
	for id, by := range built {
		if by != m.built || m.before[id] != "" {
			continue
		}
		if err := hold(tx, id, m.holder); err != nil {
			return err
		}
	}
	return nil
}

// keep gives an image, and a name that was given here, to the caller. A name that is another's stays so: the judge let the call be made
// for names that were nobody's or the caller's own, and who came first has it.
func (m *Making) keep(tx *bbolt.Tx, name, id string) error {
	// What was there already and nobody's stays the host's: a tag, or a build that adds nothing, takes no image from the others.
	theHosts := m.before[id] != "" && tx.Bucket(bucketIDs).Get([]byte(id)) == nil
	if m.said.action != "ImageTag" && !theHosts {
		if err := hold(tx, id, m.holder); err != nil {
			return err
		}
	}
	if !m.given || name == id {
		return nil
	}
	names := tx.Bucket(bucketNames)
	if text := names.Get([]byte(name)); text != nil {
		return nil // whoever has it keeps it
	}
	return put(names, name, m.holder)
}

func objects(a *call.Ask) []call.Object {
	var list []call.Object
	if a.Object != nil && a.Object.Kind == route.Image && a.Call.Route.Action != "ImageTag" {
		list = append(list, *a.Object)
	}
	for _, u := range a.Uses {
		if u.Object.Kind == route.Image && u.Action != "ImageRun" && u.Action != "ImageRead" {
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
	for _, bucket := range [][]byte{bucketIDs, bucketNames} {
		b := tx.Bucket(bucket)
		var gone [][]byte
		err := b.ForEach(func(k, _ []byte) error {
			if _, there := now[string(k)]; !there {
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
