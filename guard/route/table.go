package route

import (
	"net/http"
	"strings"
)

// call begins a route of the table.
func call(method, path string, action Action, on Object, effect Effect, gives string) Route {
	return Route{Method: method, Path: path, Action: action, On: on, Effect: effect, Gives: gives}
}

func get(path string, action Action, on Object, gives string) Route {
	return call(http.MethodGet, path, action, on, Reads, gives)
}

func post(path string, action Action, on Object, gives string) Route {
	return call(http.MethodPost, path, action, on, Changes, gives)
}

func del(path string, action Action, on Object, gives string) Route {
	return call(http.MethodDelete, path, action, on, Changes, gives)
}

// with names the parameters: "all:bool limit:int".
func (r Route) with(params string) Route {
	for _, p := range strings.Fields(params) {
		name, kind, _ := strings.Cut(p, ":")
		r.Query = append(r.Query, Param{Name: name, Type: Type(kind)})
	}
	return r
}

func (r Route) carries(b Body) Route { r.Body = b; return r }

func (r Route) since(version string) Route { r.Since = version; return r }

func (r Route) headers(names ...string) Route { r.Headers = names; return r }

// Parameters that clients of docker-py send, and no engine since 1.24 reads: only_ids of images, force of tag, trunc_cmd of containers.

const registryAuth = "X-Registry-Auth"

func systemRoutes() []Route {
	return []Route{
		get("/_ping", "EnginePing", Engine, "that there is an engine, its versions"),
		call(http.MethodHead, "/_ping", "EnginePing", Engine, Reads, "that there is an engine, its versions"),
		get("/version", "EngineVersion", Engine, "versions of engine and kernel"),
		get("/info", "EngineInfo", Engine, "counts, drivers, addresses, labels, registries of the host"),
		get("/events", "EngineEvents", Engine, "names, images and labels of objects of others as they change").with("since:text until:text filters:filters"),
		get("/system/df", "EngineDiskUsage", Engine, "names and sizes of all objects").with("type:list verbose:bool"),
		post("/auth", "RegistrySignIn", Registry, "a try of a password at a registry").carries(JSON),
		get("/distribution/{name}/json", "RegistryInspect", Registry, "a request of the host to a registry").since("1.30").headers(registryAuth),
	}
}

func containerRoutes() []Route {
	const attach = "detachKeys:text logs:bool stream:bool stdin:bool stdout:bool stderr:bool"
	const logs = "follow:bool stdout:bool stderr:bool since:text until:text timestamps:bool tail:text details:bool"
	return []Route{
		get("/containers/json", "ContainerList", Container, "names, images, labels, addresses of containers of others").with("all:bool limit:int size:bool filters:filters before:text since:text trunc_cmd:bool"),
		post("/containers/create", "ContainerCreate", Container, "whatever the workload is given: root on the host at worst").with("name:text platform:text").carries(JSON),
		post("/containers/prune", "ContainerPrune", Container, "removal of stopped containers of others").with("filters:filters").since("1.25"),
		get("/containers/{name}/json", "ContainerInspect", Container, "environment, mounts, secrets in arguments").with("size:bool"),
		get("/containers/{name}/top", "ContainerTop", Container, "arguments of processes").with("ps_args:text"),
		get("/containers/{name}/logs", "ContainerLogs", Container, "what the container wrote").with(logs),
		get("/containers/{name}/changes", "ContainerChanges", Container, "paths that changed"),
		get("/containers/{name}/export", "ContainerExport", Container, "all files of the container"),
		get("/containers/{name}/stats", "ContainerStats", Container, "how busy it is").with("stream:bool one-shot:bool"),
		post("/containers/{name}/resize", "ContainerResize", Container, "another size of its terminal").with("h:int w:int"),
		post("/containers/{name}/start", "ContainerStart", Container, "a start of what was judged when it was made; checkpoints are not taken from a directory").with("detachKeys:text"),
		post("/containers/{name}/stop", "ContainerStop", Container, "an outage").with("signal:text t:int"),
		post("/containers/{name}/restart", "ContainerRestart", Container, "an outage").with("signal:text t:int"),
		post("/containers/{name}/kill", "ContainerKill", Container, "an outage, or any signal").with("signal:text"),
		post("/containers/{name}/update", "ContainerUpdate", Container, "other limits, other restarts").carries(JSON),
		post("/containers/{name}/rename", "ContainerRename", Container, "a name that others take for another container").with("name:text"),
		post("/containers/{name}/pause", "ContainerPause", Container, "an outage"),
		post("/containers/{name}/unpause", "ContainerPause", Container, "the end of a pause"),
		post("/containers/{name}/attach", "ContainerAttach", Container, "input to and output of its process").with(attach).carries(Stream),
		call(http.MethodGet, "/containers/{name}/attach/ws", "ContainerAttach", Container, Changes, "input to and output of its process").with(attach).carries(Socket),
		post("/containers/{name}/wait", "ContainerWait", Container, "when it ends, and with what").with("condition:text"),
		del("/containers/{name}", "ContainerRemove", Container, "its end, and that of its volumes").with("v:bool force:bool link:bool"),
		call(http.MethodHead, "/containers/{name}/archive", "ContainerCopyOut", Container, Reads, "that a file is there").with("path:text"),
		get("/containers/{name}/archive", "ContainerCopyOut", Container, "any file of the container").with("path:text"),
		call(http.MethodPut, "/containers/{name}/archive", "ContainerCopyIn", Container, Changes, "any file into the container").
			with("path:text noOverwriteDirNonDir:bool copyUIDGID:bool").carries(Tar),
		post("/containers/{name}/exec", "ContainerExec", Container, "a program in the container, privileged at worst").carries(JSON),
		post("/exec/{id}/start", "ExecStart", Exec, "input to and output of the program").carries(Stream),
		post("/exec/{id}/resize", "ExecResize", Exec, "another size of its terminal").with("h:int w:int"),
		get("/exec/{id}/json", "ExecInspect", Exec, "the program and its arguments"),
		get("/containers/{name}/checkpoints", "CheckpointList", Container, "names in any directory").with("dir:text"),
		post("/containers/{name}/checkpoints", "CheckpointCreate", Container, "the memory of its processes, into any directory").carries(JSON),
		del("/containers/{name}/checkpoints/{checkpoint}", "CheckpointRemove", Container, "removal below any directory").with("dir:text"),
		post("/commit", "ContainerCommit", Container, "an image with all files of the container, under any name").
			with("container:text repo:text tag:text comment:text author:text pause:bool changes:list").carries(JSON),
	}
}

func imageRoutes() []Route {
	return []Route{
		get("/images/json", "ImageList", Image, "names of images of others").
			with("all:bool filters:filters filter:text shared-size:bool digests:bool manifests:bool identity:bool only_ids:bool"),
		get("/images/search", "RegistrySearch", Registry, "a request of the host to a registry").with("term:text limit:int filters:filters").headers(registryAuth),
		get("/images/get", "ImageSave", Image, "all files of the images").with("names:list platform:list"),
		post("/images/load", "ImageLoad", Image, "images under any name").with("quiet:bool platform:list").carries(Tar),
		post("/images/create", "ImagePull", Image, "an image from a registry, an address or the request, under any name").
			with("fromImage:text fromSrc:text repo:text tag:text message:text changes:list platform:text").carries(Tar).headers(registryAuth),
		post("/images/prune", "ImagePrune", Image, "removal of images of others").with("filters:filters").since("1.25"),
		get("/images/{name}/get", "ImageSave", Image, "all files of the image").with("platform:list"),
		get("/images/{name}/json", "ImageInspect", Image, "environment, history, labels").with("manifests:bool platform:json"),
		get("/images/{name}/history", "ImageInspect", Image, "commands of its build, secrets in them").with("platform:json"),
		get("/images/{name}/attestations", "ImageInspect", Image, "statements about the image").with("platform:json type:list statement:bool").since("1.55"),
		post("/images/{name}/push", "ImagePush", Image, "the image out of the host, with an account of a registry").
			with("tag:text platform:json").headers(registryAuth),
		post("/images/{name}/tag", "ImageTag", Image, "a name that others take for another image").with("repo:text tag:text force:bool"),
		del("/images/{name}", "ImageRemove", Image, "removal of an image of others").with("force:bool noprune:bool platforms:list"),
	}
}

func buildRoutes() []Route {
	return []Route{
		post("/build", "ImageBuild", Image, "programs that run at build time, with the network of the host at worst").
			with("dockerfile:text t:list extrahosts:list remote:text q:bool nocache:bool cachefrom:json pull:bool rm:bool forcerm:bool memory:int memswap:int cpushares:int " +
				"cpusetcpus:text cpusetmems:text cpuperiod:int cpuquota:int cgroupparent:text buildargs:json shmsize:int squash:bool labels:json networkmode:text " +
				"securityopt:list ulimits:json isolation:text platform:text target:text outputs:json version:text session:text buildid:text").
			carries(Tar).headers("X-Registry-Config"),
		post("/build/prune", "BuildPrune", Engine, "a cold cache for all").
			with("all:bool filters:filters keep-storage:int reserved-space:int max-used-space:int min-free-space:int").since("1.31"),
		post("/build/cancel", "BuildCancel", Engine, "the end of a build; of others by `HostPrune`").with("id:text"),
		post("/session", "BuildSession", Engine, "a session: files, passwords and secrets of the caller for builds").carries(HTTP2),
		post("/grpc", "BuildGRPC", Engine, "the builder's own protocol, each call of which is asked about").carries(HTTP2),
	}
}

func networkRoutes() []Route {
	return []Route{
		get("/networks", "NetworkList", Network, "names, addresses and members of networks of others").with("filters:filters"),
		post("/networks/create", "NetworkCreate", Network, "a bridge or an interface of the host").carries(JSON),
		post("/networks/prune", "NetworkPrune", Network, "removal of networks of others").with("filters:filters").since("1.25"),
		get("/networks/{name}", "NetworkInspect", Network, "addresses of its members").with("verbose:bool scope:text"),
		post("/networks/{name}/connect", "NetworkConnect", Network, "a way to the containers of others").carries(JSON),
		post("/networks/{name}/disconnect", "NetworkDisconnect", Network, "an outage").carries(JSON),
		del("/networks/{name}", "NetworkRemove", Network, "removal of a network of others"),
	}
}

func volumeRoutes() []Route {
	return []Route{
		get("/volumes", "VolumeList", Volume, "names and labels of volumes of others").with("filters:filters"),
		post("/volumes/create", "VolumeCreate", Volume, "any path of the host, by options of the driver").carries(JSON),
		post("/volumes/prune", "VolumePrune", Volume, "loss of data of others").with("filters:filters").since("1.25"),
		get("/volumes/{name}", "VolumeInspect", Volume, "path, options and labels"),
		call(http.MethodPut, "/volumes/{name}", "VolumeUpdate", Volume, Changes, "availability of a cluster's volume").with("version:int").carries(JSON).since("1.42"),
		del("/volumes/{name}", "VolumeRemove", Volume, "loss of data of others").with("force:bool"),
	}
}

func pluginRoutes() []Route {
	return []Route{
		get("/plugins", "PluginList", Plugin, "names and settings of plugins").with("filters:filters"),
		get("/plugins/privileges", "PluginInspect", Plugin, "a request of the host to a registry").with("remote:text").headers(registryAuth),
		post("/plugins/pull", "PluginInstall", Plugin, "a program with rights on the host").with("remote:text name:text").carries(JSON).headers(registryAuth),
		post("/plugins/create", "PluginInstall", Plugin, "a program with rights on the host").with("name:text").carries(Tar),
		get("/plugins/{name}/json", "PluginInspect", Plugin, "settings of the plugin"),
		post("/plugins/{name}/enable", "PluginEnable", Plugin, "a program with rights on the host").with("timeout:int"),
		post("/plugins/{name}/disable", "PluginDisable", Plugin, "an outage, or a control that ends").with("force:bool"),
		post("/plugins/{name}/upgrade", "PluginInstall", Plugin, "a program with rights on the host").with("remote:text").carries(JSON).headers(registryAuth).since("1.26"),
		post("/plugins/{name}/push", "PluginPush", Plugin, "the plugin out of the host").headers(registryAuth),
		post("/plugins/{name}/set", "PluginSet", Plugin, "other mounts and devices of the plugin").carries(JSON),
		del("/plugins/{name}", "PluginRemove", Plugin, "an outage, or a control that ends").with("force:bool"),
	}
}
