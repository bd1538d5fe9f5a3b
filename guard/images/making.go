package images

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/model"
)

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
	marked     map[string]string // of which build there was what before
	pending    []byte            // what the call is noted under until its end
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
	if err := m.expect(); err != nil {
		i.taken.release(m)
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
	if m.before, m.marked, err = i.list(ctx); err != nil {
		return nil, err
	}
	// Without these, no more than an image that is gone from the list may be given away: nobody must be kept from a pull by others' containers.
	_ = i.used(ctx, m.before)
	return m, nil
}

// answers says whether somebody with these roles answers for the host, and does not only work on it.
func answers(roles []string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return r != model.RoleDeveloper })
}

// Write implements io.Writer: it is shown the engine's answer as it goes by.
func (m *Making) Write(p []byte) (int, error) { return m.said.Write(p) }

// End remembers what the call brought.
func (m *Making) End(ctx context.Context) error {
	m.said.end()
	for _, name := range m.said.names {
		m.names[Normal(name)] = true
	}
	now, built, err := m.i.list(ctx)
	known := err == nil
	if err != nil { // what the call made must be nobody else's all the same
		now, known = m.told(ctx)
	}
	whole := err == nil && m.i.used(ctx, now) == nil
	alone := m.i.file.alone()
	defer m.i.waits.end(m.pending)
	return errors.Join(err, m.i.file.update(func(tx *bbolt.Tx) error {
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
		if known && m.said.ended() { // else it is settled later
			if err := drop(tx, m.pending); err != nil {
				return err
			}
		}
		if !whole {
			return nil
		}
		if err := m.i.settle(tx, now, built, alone); err != nil {
			return err
		}
		return forget(tx, now)
	}))
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
