package workload

import (
	"context"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	host    = "host"
	private = "private"
	bridge  = "bridge"
)

// Namespaces says which kernel namespaces a container shares, as its configuration names them.
func Namespaces(hc *container.HostConfig, d Defaults) model.Namespaces {
	n := model.Namespaces{
		Network: string(hc.NetworkMode), PID: space(string(hc.PidMode)), IPC: space(string(hc.IpcMode)),
		UTS: space(string(hc.UTSMode)), Cgroup: space(string(hc.CgroupnsMode)), User: host,
	}
	if n.Network == "" || n.Network == "default" {
		n.Network = bridge
	}
	if hc.CgroupnsMode == "" && d.CgroupNamespace == host {
		n.Cgroup = host
	}
	if d.Remapped && hc.UsernsMode != host || hc.UsernsMode == private || hc.UsernsMode == "auto" {
		n.User = private
	}
	return n
}

func space(mode string) string {
	switch mode {
	case "", private, "shareable":
		return private
	}
	return mode
}

// namespaces follows the names to the containers that they mean.
func (r *Reader) namespaces(ctx context.Context, w *model.Workload, hc *container.HostConfig) {
	w.Namespaces = Namespaces(hc, r.Defaults)
	n := &w.Namespaces
	if hc.UsernsMode == host {
		shareHost(w, "user")
	} else if hc.UsernsMode != "" {
		note(w, "/HostConfig/UsernsMode", "it is not known")
	}
	if n.Cgroup == host && r.Defaults.CgroupNamespace != host {
		shareHost(w, "cgroup")
	}
	for _, s := range []struct {
		kind, field string
		value       *string
		known       []string
		peer        func(model.Namespaces) string
	}{
		{"network", "NetworkMode", &n.Network, nil, func(p model.Namespaces) string { return p.Network }},
		{"pid", "PidMode", &n.PID, []string{private}, func(p model.Namespaces) string { return p.PID }},
		{"ipc", "IpcMode", &n.IPC, []string{private, "none"}, func(p model.Namespaces) string { return p.IPC }},
		{"uts", "UTSMode", &n.UTS, []string{private}, func(p model.Namespaces) string { return p.UTS }},
		{"cgroup", "CgroupnsMode", &n.Cgroup, []string{private}, func(p model.Namespaces) string { return p.Cgroup }},
	} {
		switch {
		case *s.value == host && s.kind != "cgroup":
			shareHost(w, s.kind)
		case strings.HasPrefix(*s.value, containerPrefix):
			r.join(ctx, w, s.kind, s.value, s.peer)
		case s.known != nil && *s.value != host && !slices.Contains(s.known, *s.value):
			note(w, "/HostConfig/"+s.field, "it is not known")
		}
	}
	if cgroup := string(hc.Cgroup); cgroup != "" {
		r.join(ctx, w, "cgroup", &cgroup, func(p model.Namespaces) string { return p.Cgroup })
	}
}

const containerPrefix = "container:"

// join says whose namespace it is. What is the host's there is the host's here.
func (r *Reader) join(ctx context.Context, w *model.Workload, kind string, mode *string, of func(model.Namespaces) string) {
	name, isContainer := strings.CutPrefix(*mode, containerPrefix)
	if !isContainer {
		note(w, "namespace "+kind, "it is not known")
		return
	}
	peer, err := r.Host.Container(ctx, name)
	if err != nil {
		note(w, "namespace "+kind, "the container that it is joined to is not known: "+err.Error())
		w.ForeignNamespaces = add(w.ForeignNamespaces, kind+":"+name)
		return
	}
	*mode = containerPrefix + peer.ID
	w.JoinedNamespaces = add(w.JoinedNamespaces, kind+":"+peer.ID)
	if peer.Foreign {
		w.ForeignNamespaces = add(w.ForeignNamespaces, kind+":"+peer.ID)
	}
	theirs := of(peer.Namespaces)
	switch {
	case theirs == host && (kind != "cgroup" || r.Defaults.CgroupNamespace != host):
		shareHost(w, kind)
	case strings.HasPrefix(theirs, containerPrefix) && theirs != *mode:
		// It shares a third one's; whose that is was judged when it was made, and is judged once more here.
		third, err := r.Host.Container(ctx, strings.TrimPrefix(theirs, containerPrefix))
		if err != nil || third.Foreign {
			w.ForeignNamespaces = add(w.ForeignNamespaces, kind+":"+strings.TrimPrefix(theirs, containerPrefix))
		}
		if err == nil && of(third.Namespaces) == host {
			shareHost(w, kind)
		}
	}
}

func shareHost(w *model.Workload, kind string) { w.HostNamespaces = add(w.HostNamespaces, kind) }

// add puts a text into a sorted list, once.
func add(list []string, s string) []string {
	at, found := slices.BinarySearch(list, s)
	if found {
		return list
	}
	return slices.Insert(list, at, s)
}
