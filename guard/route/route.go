// Package route is the allow-list of the container engine's API (1.24 to 1.56): which calls there are, what each does, to what, with
// which parameters, and what it can give away. A call that is not in the table does not exist for whoever calls through the guard.
//
// It reads a request's method, path and parameters strictly, into one meaning, and writes them again from that meaning: the engine
// never sees the caller's own bytes. It decides nothing, and reads no body.
package route

// Action is what a call does, as policies name it.
type Action string

// Object is the kind of thing that a call is about.
type Object string

// The kinds of objects. Engine stands for the whole engine.
const (
	Engine    Object = "Engine"
	Container Object = "Container"
	Exec      Object = "Exec"
	Image     Object = "Image"
	Network   Object = "Network"
	Volume    Object = "Volume"
	Plugin    Object = "Plugin"
	Swarm     Object = "Swarm"
	SwarmNode Object = "SwarmNode"
	Service   Object = "Service"
	Task      Object = "Task"
	Secret    Object = "Secret"
	Config    Object = "Config"
	Registry  Object = "Registry"
)

// Effect says what a call does to the engine and its objects.
type Effect string

// The effects.
const (
	Reads   Effect = "reads"
	Changes Effect = "changes"
)

// Body says what a request carries beside its parameters.
type Body string

// The bodies. What is not None, JSON or Tar is a connection that both sides go on talking on.
const (
	None   Body = ""
	JSON   Body = "json"
	Tar    Body = "tar"
	Stream Body = "stream" // raw bytes of a terminal or of pipes, after an upgrade
	Socket Body = "websocket"
	HTTP2  Body = "h2c"
)

// Route is one call of the engine's API.
type Route struct {
	Method string
	// Path has the object's name in braces: "/containers/{name}/start".
	Path string
	// Since is the first version of the API that has it; empty for 1.24 and before.
	Since  string
	Action Action
	On     Object
	Effect Effect
	Body   Body
	// Query are the parameters that the call takes.
	Query []Param
	// Headers are request headers beside those of HTTP that reach the engine.
	Headers []string
	// Gives is what the call can give away or let somebody do, for the table in the documentation.
	Gives string
}

// Type is how a parameter is read.
type Type string

// The types of parameters.
const (
	Bool    Type = "bool"
	Int     Type = "int"
	Text    Type = "text"
	List    Type = "list"    // may be there more than once
	Filters Type = "filters" // JSON: {"label":["a=b"]}, or {"label":{"a=b":true}}
	Value   Type = "json"    // JSON that the door reads
)

// Param is a parameter of a call.
type Param struct {
	Name string
	Type Type
}

// Versions of the API that the guard knows.
const (
	OldestVersion = "1.24"
	NewestVersion = "1.56"
)

// Table are all calls. Those that are more special come before those that are less.
func Table() []Route {
	var all []Route
	for _, part := range [][]Route{systemRoutes(), containerRoutes(), imageRoutes(), buildRoutes(), networkRoutes(), volumeRoutes(), pluginRoutes(), swarmRoutes(), serviceRoutes()} {
		all = append(all, part...)
	}
	return all
}
