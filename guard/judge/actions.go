package judge

import (
	"slices"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/model"
)

// on says which object a call is asked about.
type on int

const (
	host   on = iota // the engine's host
	object           // what the call names, or makes
	tenant           // the caller's tenant: what is not the host's own
)

// question is what Cedar is asked about a call.
type question struct {
	action string
	on     on
	// list is the action that decides on each entry of an answer; empty where the answer is no list.
	list string
}

// questions are those of every action of the table. A call whose action is not here is refused.
func questions() map[route.Action]question {
	q := map[route.Action]question{
		"EnginePing": {"HostUse", host, ""}, "EngineVersion": {"HostUse", host, ""}, "EngineInfo": {"HostUse", host, ""},
		"EngineEvents": {"HostUse", host, listEach}, "EngineDiskUsage": {"HostUse", host, listEach},
		"RegistrySignIn": {"ImageSearch", tenant, ""}, "RegistryInspect": {"ImageSearch", tenant, ""}, "RegistrySearch": {"ImageSearch", tenant, ""},

		"ImageSave": {"ImageSave", object, ""}, "ImageLoad": {"ImageLoad", object, ""}, "ImagePull": {"ImagePull", object, ""},
		"ImageInspect": {"ImageRead", object, ""}, "ImagePush": {"ImagePush", object, ""}, "ImageTag": {"ImageRead", object, ""},
		"ImageRemove": {"ImageDelete", object, ""}, "ImageBuild": {"ImageBuild", object, ""},
		"BuildPrune": {"HostPrune", host, ""}, "BuildCancel": {"BuildKitUse", host, ""},
		"BuildSession": {"BuildKitUse", host, ""}, "BuildGRPC": {"BuildKitUse", host, ""},
		"BuildSolve": {"BuildKitUse", host, ""}, "BuildPart": {"BuildKitUse", host, ""},
		// The builder's cache and history are one for all.
		"BuildCacheRead": {"HostRead", host, ""}, "BuildHistory": {"HostRead", host, ""}, "BuildContent": {"HostRead", host, ""},
		"BuildHistoryChange": {"HostPrune", host, ""},

		"NetworkCreate": {"NetworkCreate", object, ""}, "NetworkInspect": {"NetworkRead", object, ""},
		"NetworkConnect": {"NetworkConnect", object, ""}, "NetworkDisconnect": {"NetworkDisconnect", object, ""}, "NetworkRemove": {"NetworkDelete", object, ""},

		"VolumeCreate": {"VolumeCreate", object, ""}, "VolumeInspect": {"VolumeRead", object, ""},
		"VolumeUpdate": {"VolumeUpdate", object, ""}, "VolumeRemove": {"VolumeDelete", object, ""},

		"PluginList": {"HostRead", host, ""}, "PluginInspect": {"HostRead", host, ""},
		"PluginInstall": {"PluginChange", host, ""}, "PluginEnable": {"PluginChange", host, ""}, "PluginDisable": {"PluginChange", host, ""},
		"PluginPush": {"PluginChange", host, ""}, "PluginSet": {"PluginChange", host, ""}, "PluginRemove": {"PluginChange", host, ""},

		// The tokens by which machines join are in what a look at the swarm shows.
		"SwarmInspect": {"SwarmChange", host, ""}, "SwarmUnlockKey": {"SwarmChange", host, ""},
		"SwarmInit": {"SwarmChange", host, ""}, "SwarmJoin": {"SwarmChange", host, ""}, "SwarmLeave": {"SwarmChange", host, ""},
		"SwarmUpdate": {"SwarmChange", host, ""}, "SwarmUnlock": {"SwarmChange", host, ""},
		"SwarmNodeList": {"HostUse", host, listEach}, "SwarmNodeInspect": {"HostRead", host, ""},
		"SwarmNodeUpdate": {"SwarmChange", host, ""}, "SwarmNodeRemove": {"SwarmChange", host, ""},

		"ServiceCreate": {"ServiceCreate", object, ""}, "ServiceInspect": {"ServiceRead", object, ""}, "ServiceLogs": {"ServiceLogs", object, ""},
		"ServiceUpdate": {"ServiceUpdate", object, ""}, "ServiceRemove": {"ServiceDelete", object, ""},
		"TaskInspect": {"ServiceRead", object, ""}, "TaskLogs": {"ServiceLogs", object, ""},
		"SecretCreate": {"SecretCreate", object, ""}, "SecretInspect": {"SecretRead", object, ""},
		"SecretUpdate": {"SecretUpdate", object, ""}, "SecretRemove": {"SecretDelete", object, ""},
		"ConfigCreate": {"SecretCreate", object, ""}, "ConfigInspect": {"SecretRead", object, ""},
		"ConfigUpdate": {"SecretUpdate", object, ""}, "ConfigRemove": {"SecretDelete", object, ""},
	}
	for _, kind := range []route.Action{"Container", "Image", "Network", "Volume", "Service", "Task", "Secret", "Config"} {
		q[kind+"List"] = question{"HostUse", host, listEach}
	}
	for action, cedar := range containerQuestions() {
		q[action] = question{cedar, object, ""}
	}
	for kind, cedar := range pruned() {
		q[route.Action(kind+"Prune")] = question{cedar, object, ""}
	}
	return q
}

// Asked is what Cedar is asked about an action of the table, and about what, for the documentation.
func Asked(a route.Action) (action, about string) {
	q := questions()[a]
	switch {
	case q.list != "":
		return q.action, "the host, and each"
	case q.on == object:
		return q.action, "the object"
	case q.on == tenant:
		return q.action, "the caller's tenant"
	}
	return q.action, "the host"
}

// listEach marks lists: each entry is asked about by the action of its kind.
const listEach = "each"

func containerQuestions() map[route.Action]string {
	return map[route.Action]string{
		"ContainerCreate": "ContainerCreate", "ContainerInspect": "ContainerRead", "ContainerTop": "ContainerRead", "ContainerLogs": "ContainerLogs",
		"ContainerChanges": "ContainerRead", "ContainerExport": "ContainerExport", "ContainerStats": "ContainerStats", "ContainerResize": "ContainerAttach",
		"ContainerStart": "ContainerStart", "ContainerStop": "ContainerStop", "ContainerRestart": "ContainerRestart", "ContainerKill": "ContainerKill",
		"ContainerUpdate": "ContainerUpdate", "ContainerRename": "ContainerRename", "ContainerPause": "ContainerPause", "ContainerAttach": "ContainerAttach",
		"ContainerWait": "ContainerWait", "ContainerRemove": "ContainerDelete", "ContainerCopyOut": "ContainerCopyOut", "ContainerCopyIn": "ContainerCopyIn",
		"ContainerExec": "ContainerExec", "ExecStart": "ContainerExec", "ExecResize": "ContainerExec", "ExecInspect": "ContainerRead",
		"CheckpointList": "ContainerCheckpoint", "CheckpointCreate": "ContainerCheckpoint", "CheckpointRemove": "ContainerCheckpoint",
		"ContainerCommit": "ContainerCommit",
	}
}

// pruned are the kinds that can be pruned, with the action that removes one.
func pruned() map[string]string {
	return map[string]string{"Container": "ContainerDelete", "Image": "ImageDelete", "Network": "NetworkDelete", "Volume": "VolumeDelete"}
}

// listed is the action that decides whether an object is in a list.
func listed(kind route.Object) string {
	if of := cedarType(kind); of != "Host" {
		return of + "List"
	}
	return "HostRead"
}

// seen is the action that decides whether somebody may know that an object exists.
func seen(kind route.Object) string { return cedarType(kind) + "Read" }

// cedarType is an object's type in the policy language.
func cedarType(kind route.Object) string {
	switch kind {
	case route.Exec:
		return "Container"
	case route.Task:
		return "Service"
	case route.Config:
		return "Secret"
	case route.Container, route.Image, route.Network, route.Volume, route.Service, route.Secret:
		return string(kind)
	}
	return "Host"
}

// entity is an object of the engine as policies see it.
func (j *Judge) entity(o *call.Object) model.Object {
	if o == nil || cedarType(o.Kind) == "Host" {
		return j.host()
	}
	if o.Kind == route.Exec && o.Container != nil {
		o = o.Container
	}
	of := o.Tenant
	if of == "" {
		of = j.p.Tenant
	}
	here := model.Ref{Type: "Host", ID: j.p.Host}
	e := model.Object{
		Ref:     model.Ref{Type: cedarType(o.Kind), ID: j.id(o)},
		Parents: []model.Ref{{Type: "Tenant", ID: of}, here},
		Attrs:   map[string]any{"host": here},
	}
	if o.Owner != "" {
		e.Attrs["owner"] = model.Ref{Type: "User", ID: o.Owner}
	}
	name := o.Name
	if name == "" {
		name = o.ID
	}
	switch o.Kind {
	case route.Image:
		// What has no name is a step of somebody's build.
		e.Attrs["reference"], e.Attrs["shared"] = name, o.Tenant == "" && !o.New && o.Name != "" && o.Name != "<none>:<none>"
	case route.Network:
		e.Attrs["name"], e.Attrs["shared"] = name, builtIn(o)
	case route.Container:
		e.Attrs["name"], e.Attrs["image"], e.Attrs["privileged"] = name, o.Image, o.Privileged
		e.Attrs["labels"] = labels(o.Labels)
	case route.Service, route.Task:
		e.Attrs["name"], e.Attrs["image"] = name, o.Image
	default:
		e.Attrs["name"] = name
	}
	return e
}

// id is unique in the fleet: volumes and what is still to be made have names, which other hosts have too.
func (j *Judge) id(o *call.Object) string {
	if o.ID == "" {
		return j.p.Host + "/" + o.Name
	}
	if o.Kind == route.Volume || o.New || builtIn(o) {
		return j.p.Host + "/" + o.ID
	}
	return o.ID
}

// builtIn are the networks that every engine has. They connect nobody who is not connected already: the default bridge is
// segmented by 8.6's controls, and "host" is a matter of the workload's namespaces.
func builtIn(o *call.Object) bool {
	if o.Kind != route.Network || o.New || o.Tenant != "" {
		return false
	}
	switch o.Name {
	case "bridge", "none", "host", "default":
		return true
	}
	return false
}

func labels(m map[string]string) []string {
	list := make([]string, 0, len(m))
	for k, v := range m {
		list = append(list, k+"="+v)
	}
	slices.Sort(list)
	return list[:min(len(list), mostLabels)]
}

// mostLabels are those of a container that policies see.
const mostLabels = 200

// host is what all questions have beside their object.
func (j *Judge) host() model.Object { return j.here[0] }

func hostOf(p *Parts) []model.Object {
	return []model.Object{{
		Ref: model.Ref{Type: "Host", ID: p.Host}, Parents: []model.Ref{{Type: "Tenant", ID: p.Tenant}}, Attrs: map[string]any{"name": p.Host},
	}}
}
