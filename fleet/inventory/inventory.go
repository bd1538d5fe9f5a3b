// Package inventory makes short summaries of the containers, images and networks in the facts of nodes, so that a list of many
// thousands does not have to read all of what is known of each. It is pure, and bounds what it takes: a node can write anything
// into its facts.
package inventory

import (
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bulkhead-security/bulkhead/model"
)

// Bounds of a summary. They keep it below about 4 KiB.
const (
	mostText  = 256 // bytes
	mostItems = 8   // of a list
)

// KindOf says of what kind the object of a fact is, and its id; false for a fact of something else.
func KindOf(key string) (kind model.ObjectKind, id string, ok bool) {
	part, id, ok := strings.Cut(key, "/")
	if !ok || id == "" {
		return "", "", false
	}
	switch kind = model.ObjectKind(part); kind {
	case model.ObjectContainer, model.ObjectImage, model.ObjectNetwork:
		return kind, id, true
	}
	return "", "", false
}

// Touched says whether an update has anything of objects.
func Touched(u *model.FactsUpdate) bool {
	for i := range u.Set {
		if _, _, ok := KindOf(u.Set[i].Key); ok {
			return true
		}
	}
	for _, key := range u.Removed {
		if _, _, ok := KindOf(key); ok {
			return true
		}
	}
	return false
}

// Of summarises the object of a fact; false for a fact of something else. One that can't be read has its id for a name: it is there,
// and its fact says what it is.
func Of(f *model.Fact) (*model.FleetObject, bool) {
	kind, id, ok := KindOf(f.Key)
	if !ok {
		return nil, false
	}
	o := &model.FleetObject{Kind: kind, ID: id}
	var err error
	switch kind {
	case model.ObjectContainer:
		err = ofContainer(o, f.Data)
	case model.ObjectImage:
		err = ofImage(o, f.Data)
	case model.ObjectNetwork:
		err = ofNetwork(o, f.Data)
	}
	if err != nil {
		*o = model.FleetObject{Kind: kind, ID: id}
	}
	if o.Name == "" {
		o.Name = cut(shortID(id))
	}
	return o, true
}

func ofContainer(o *model.FleetObject, data []byte) error {
	var c model.Container
	if err := json.Unmarshal(data, &c); err != nil {
		return err
	}
	w := &c.Workload
	o.Name, o.State, o.Image, o.Created = cut(c.Name), cut(c.State), cut(w.Image.ID), c.Created
	o.ObjectSummary = model.ObjectSummary{
		ImageRef: cut(w.Image.Ref), Digest: cut(w.Image.Digest), Health: cut(c.Health), Orchestrated: cut(c.Orchestrated),
		User: cut(userOf(w)), Risks: Risks(w), Started: c.Started.UTC(), Restarts: c.Restarts, Memory: w.Limits.MemoryBytes,
	}
	for i := range c.Endpoints {
		e := &c.Endpoints[i]
		o.Networks = add(o.Networks, e.Network)
		o.Addresses = add(add(o.Addresses, e.IPv4), e.IPv6)
	}
	if len(c.Endpoints) == 0 { // a stopped one has no address, and belongs to its networks all the same
		for _, n := range w.Networks {
			o.Networks = add(o.Networks, n)
		}
	}
	for i := range w.Ports {
		if w.Ports[i].HostPort != 0 {
			o.Ports = add(o.Ports, portText(&w.Ports[i]))
		}
	}
	return nil
}

func userOf(w *model.Workload) string {
	switch {
	case w.UserEffective != "":
		return w.UserEffective
	case w.User != "":
		return w.User
	case w.Root:
		return "root"
	}
	return ""
}

func portText(p *model.PortMap) string {
	host := strconv.Itoa(p.HostPort)
	if p.HostIP == "" {
		host = "*:" + host
	} else {
		host = net.JoinHostPort(p.HostIP, host)
	}
	return fmt.Sprintf("%s->%d/%s", host, p.ContainerPort, p.Protocol)
}

// Risks are what a workload has that makes it more dangerous than others, the worst first.
func Risks(w *model.Workload) []string {
	var out []string
	for _, r := range []struct {
		is   bool
		name string
	}{
		{w.Privileged, model.RiskPrivileged},
		{mounts(w, func(m *model.Mount) bool { return m.EngineSocket }), model.RiskEngineSocket},
		{w.Namespaces.PID == "host", model.RiskHostPID},
		{w.Namespaces.Network == "host", model.RiskHostNetwork},
		{w.Namespaces.IPC == "host", model.RiskHostIPC},
		{len(w.Devices) > 0 || len(w.DeviceRules) > 0, model.RiskDevices},
		{len(w.CapAdd) > 0, model.RiskCapabilities},
		{w.Seccomp == "unconfined" || w.AppArmor == "unconfined" || w.MaskedPathsOff, model.RiskUnconfined},
		{mounts(w, func(m *model.Mount) bool { return (m.Type == "bind" || m.Type == "hostPath") && !m.ReadOnly }), model.RiskHostPaths},
		{w.Root, model.RiskRoot},
	} {
		if r.is {
			out = append(out, r.name)
		}
	}
	return out
}

func mounts(w *model.Workload, is func(*model.Mount) bool) bool {
	for i := range w.Mounts {
		if is(&w.Mounts[i]) {
			return true
		}
	}
	return false
}

func ofImage(o *model.FleetObject, data []byte) error {
	var m model.Image
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	o.Created = m.Created
	switch {
	case len(m.Tags) > 0:
		o.Name = cut(m.Tags[0])
	case len(m.Digests) > 0:
		o.Name = cut(m.Digests[0])
	}
	o.ObjectSummary = model.ObjectSummary{
		Size: m.Size, Platform: cut(strings.Trim(m.OS+"/"+m.Architecture, "/")), Signature: cut(m.Signature), Signer: cut(m.Signer),
		Dangling: m.Dangling, Used: len(m.UsedBy),
	}
	for _, t := range m.Tags {
		o.Tags = add(o.Tags, t)
	}
	for _, d := range m.Digests {
		o.Digests = add(o.Digests, d)
	}
	if m.Contents != nil {
		o.Packages = m.Contents.Packages
	}
	return nil
}

func ofNetwork(o *model.FleetObject, data []byte) error {
	var n model.Network
	if err := json.Unmarshal(data, &n); err != nil {
		return err
	}
	o.Name = cut(n.Name)
	o.ObjectSummary = model.ObjectSummary{
		Driver: cut(n.Driver), Scope: cut(n.Scope), Bridge: cut(n.Bridge), Internal: n.Internal, Encrypted: n.Encrypted,
		Attachable: n.Attachable, IPv6: n.IPv6, Used: len(n.Containers),
	}
	if n.ICC != nil {
		o.Talk = "no"
		if *n.ICC {
			o.Talk = "yes"
		}
	}
	for _, s := range n.Subnets {
		o.Subnets = add(o.Subnets, s)
	}
	return nil
}

// add puts a text into a list that has it not yet, within its bounds.
func add(list []string, s string) []string {
	s = cut(s)
	if s == "" || len(list) >= mostItems {
		return list
	}
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}

// cut keeps a text within its bound, at the end of a character. Both databases take no text with a zero byte.
func cut(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
	if len(s) <= mostText {
		return s
	}
	n := mostText - len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// shortID is an id as engines show it.
func shortID(id string) string {
	hex := strings.TrimPrefix(id, "sha256:")
	if len(hex) == 64 {
		return hex[:12]
	}
	return id
}
