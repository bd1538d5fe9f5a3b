package answers

import (
	"context"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

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

func elementOf(kind route.Object, v value) (element, error) {
	return readElement(kind, v.Kind(), func(into any) error { return read(v, into) })
}

// readElement reads what is of a kind by a function that reads a value of JSON.
func readElement(kind route.Object, is jsontext.Kind, read func(into any) error) (element, error) {
	var e element
	if is != '{' {
		return e, errors.New("the engine's answer: an element is no object")
	}
	switch kind { // what has other types under the same names, or is read most
	case route.Container:
		var c struct {
			ID                       string `json:"ID"`
			Id                       string `json:"Id"`
			Names                    []string
			Image, State             string
			Labels                   map[string]string
			Size, SizeRw, SharedSize int64
		}
		if err := read(&c); err != nil {
			return e, err
		}
		e.ID, e.Id, e.Names, e.Image, e.State, e.Labels = c.ID, c.Id, c.Names, c.Image, c.State, c.Labels
		e.Size, e.SizeRw, e.SharedSize = c.Size, c.SizeRw, c.SharedSize
		return e, nil
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
		if err := read(&n); err != nil {
			return e, err
		}
		e.ID, e.Id, e.Name, e.Labels, e.Spec.Labels, e.Description, e.ServiceID = n.ID, n.Id, n.Name, n.Labels, n.Spec.Labels, n.Description, n.ServiceID
		return e, nil
	}
	return e, read(&e)
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
		o.Labels, o.ByID, o.Names = e.Labels, true, e.RepoTags
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
