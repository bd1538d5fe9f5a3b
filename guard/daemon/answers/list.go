package answers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// list is how the elements of an answer are read.
type list struct {
	// member is the one that has the list; empty where the answer is one.
	member string
	kind   route.Object
}

func lists() map[route.Action]list {
	return map[route.Action]list{
		"ContainerList": {"", route.Container}, "ImageList": {"", route.Image}, "NetworkList": {"", route.Network},
		"VolumeList": {"Volumes", route.Volume}, "PluginList": {"", route.Plugin}, "ServiceList": {"", route.Service},
		"TaskList": {"", route.Task}, "SecretList": {"", route.Secret}, "ConfigList": {"", route.Config}, "SwarmNodeList": {"", route.SwarmNode},
	}
}

// list passes on the elements that may be seen as they come.
func (k *work) list(ctx context.Context, l list, from io.Reader) error {
	in := &limited{from: from, left: mostElement}
	d := decoder(in)
	var err error
	if l.member == "" {
		err = k.array(ctx, l.kind, d, in)
	} else {
		err = k.member(ctx, l, d, in)
	}
	if err != nil {
		return err
	}
	rest, err := io.ReadAll(io.LimitReader(io.MultiReader(bytes.NewReader(d.UnreadBuffer()), from), mostHeld))
	if err != nil {
		return ended(err)
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return errors.New("the engine's answer: something follows it")
	}
	_, err = k.out.Write(rest)
	return err
}

// member passes on an object of which one member is a list.
func (k *work) member(ctx context.Context, l list, d *jsontext.Decoder, in *limited) error {
	if d.PeekKind() != '{' {
		return k.array(ctx, l.kind, d, in) // null, or an error
	}
	if _, err := d.ReadToken(); err != nil {
		return ended(err)
	}
	sep := "{"
	for d.PeekKind() != '}' {
		in.left = mostElement
		name, err := d.ReadValue()
		if err != nil {
			return ended(err)
		}
		if _, err := k.out.Write(append(append([]byte(sep), name...), ':')); err != nil {
			return err
		}
		sep = ","
		if string(name) == `"`+l.member+`"` {
			err = k.array(ctx, l.kind, d, in)
		} else {
			err = k.as(d)
		}
		if err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return ended(err)
	}
	if sep == "{" {
		sep = "{}"
	} else {
		sep = "}"
	}
	_, err := k.out.Write([]byte(sep))
	return err
}

// as passes on a value as it is.
func (k *work) as(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	if err != nil {
		return ended(err)
	}
	_, err = k.out.Write(v)
	return err
}

// array passes on an array without what may not be seen, a batch at a time.
func (k *work) array(ctx context.Context, kind route.Object, d *jsontext.Decoder, in *limited) error {
	switch d.PeekKind() {
	case 'n':
		return k.as(d)
	case '[':
	default:
		if _, err := d.ReadToken(); err != nil {
			return ended(err)
		}
		return errors.New("the engine's answer is no list")
	}
	if _, err := d.ReadToken(); err != nil {
		return ended(err)
	}
	if _, err := k.out.Write([]byte{'['}); err != nil {
		return err
	}
	sep := ""
	for {
		batch, err := k.batch(d, in)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			break
		}
		kept, _, err := k.kept(ctx, kind, batch)
		if err != nil {
			return err
		}
		for _, v := range kept {
			if _, err := k.out.Write(append([]byte(sep), v...)); err != nil {
				return err
			}
			sep = ","
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return ended(err)
	}
	_, err := k.out.Write([]byte{']'})
	return err
}

func (k *work) batch(d *jsontext.Decoder, in *limited) ([]value, error) {
	var batch []value
	size := 0
	for len(batch) < batchSize && size < mostBatch {
		in.left = mostElement
		if kind := d.PeekKind(); kind == ']' {
			break
		}
		v, err := d.ReadValue()
		if err != nil {
			return nil, ended(err)
		}
		batch = append(batch, bytes.Clone(v))
		size += len(v)
	}
	return batch, nil
}

// kept are the elements that may be seen, and the objects that they are.
func (k *work) kept(ctx context.Context, kind route.Object, batch []value) ([]value, []element, error) {
	read := make([]element, len(batch))
	objects := make([]call.Object, len(batch))
	for i, v := range batch {
		e, err := k.element(ctx, kind, v)
		if err != nil {
			return nil, nil, err
		}
		read[i], objects[i] = e, e.object(kind)
	}
	if err := k.attribute(ctx, kind, read, objects); err != nil {
		return nil, nil, err
	}
	if kind == route.SwarmNode && !k.whole {
		values, err := nodes(batch)
		return values, read, err
	}
	seen, err := k.sees(ctx, objects)
	if err != nil {
		return nil, nil, err
	}
	var values []value
	var elements []element
	for i, v := range batch {
		if !seen[i] {
			continue
		}
		if kind == route.Network { // before version 1.28 of the API they have their members
			if v, err = k.network(ctx, v); err != nil {
				return nil, nil, err
			}
		}
		values, elements = append(values, v), append(elements, read[i])
	}
	return values, elements, nil
}

// element is what is read of an element of any list.
type element struct {
	ID     string `json:"ID"`
	Id     string `json:"Id"`
	Name   string
	Names  []string
	Image  string
	Labels map[string]string
	Spec   struct {
		Name         string
		Labels       map[string]string
		TaskTemplate struct{ ContainerSpec struct{ Image string } }
	}
	Description struct{ Hostname string }
	RepoTags    []string
	ServiceID   string
	// Of use of the disk.
	State                    string
	Size, SizeRw, SharedSize int64
	Containers               int64
	UsageData                struct{ Size, RefCount int64 }
}

func (k *work) element(_ context.Context, kind route.Object, v value) (element, error) {
	var e element
	if v.Kind() != '{' {
		return e, errors.New("the engine's answer: an element is no object")
	}
	switch kind { // what has other types under the same names
	case route.Network, route.SwarmNode, route.Task, route.Plugin:
		var n struct {
			ID          string `json:"ID"`
			Id          string `json:"Id"`
			Name        string
			Labels      map[string]string
			Spec        struct{ Labels map[string]string }
			Description struct{ Hostname string }
			ServiceID   string
		}
		if err := read(v, &n); err != nil {
			return e, err
		}
		e.ID, e.Id, e.Name, e.Labels, e.Spec.Labels, e.Description, e.ServiceID = n.ID, n.Id, n.Name, n.Labels, n.Spec.Labels, n.Description, n.ServiceID
		return e, nil
	}
	return e, read(v, &e)
}

func (e *element) object(kind route.Object) call.Object {
	o := call.Object{Kind: kind, ID: e.Id, Name: e.Name}
	if o.ID == "" {
		o.ID = e.ID
	}
	switch kind {
	case route.Container:
		o.Image = e.Image
		for _, name := range e.Names { // the others are names that it has in containers that are linked to it
			if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
				o.Name = name
				break
			}
		}
		return owned(o, e.Labels)
	case route.Image: // its labels are its maker's, and say nothing of whose it is
		o.Labels = e.Labels
		if len(e.RepoTags) > 0 {
			o.Name = e.RepoTags[0]
		}
	case route.Network:
		return owned(o, e.Labels)
	case route.Volume:
		o.ID = e.Name
		return owned(o, e.Labels)
	case route.Service, route.Secret, route.Config:
		o.Name, o.Image = e.Spec.Name, e.Spec.TaskTemplate.ContainerSpec.Image
		return owned(o, e.Spec.Labels)
	case route.SwarmNode:
		o.Name, o.Labels = e.Description.Hostname, e.Spec.Labels
	case route.Task:
		o.Name = o.ID
	}
	return o
}

func owned(o call.Object, labels map[string]string) call.Object {
	o.Labels, o.Tenant, o.Owner = labels, labels[call.LabelTenant], labels[call.LabelOwner]
	return o
}

// attribute gives tasks what their services are.
func (k *work) attribute(ctx context.Context, kind route.Object, read []element, objects []call.Object) error {
	if kind != route.Task {
		return nil
	}
	for i := range objects {
		if read[i].ServiceID == "" {
			continue
		}
		s, err := k.lookup(ctx, route.Service, read[i].ServiceID)
		if err != nil {
			return err
		}
		if s != nil {
			objects[i].Tenant, objects[i].Owner, objects[i].Labels, objects[i].Image = s.Tenant, s.Owner, s.Labels, s.Image
		}
	}
	return nil
}
