package route

// GRPC is the method that calls of the builder's own protocol have in place of one of HTTP.
const GRPC = "gRPC"

// Services are the calls of the builder's own protocol, which is spoken after POST /grpc: the only ones that there are for whoever calls
// through the guard. Programs that somebody starts beside a build (NewContainer, ExecProcess) are not among them: CVE-2024-23653.
func Services() []Route {
	const (
		control = "/moby.buildkit.v1.Control/"
		bridge  = "/moby.buildkit.v1.frontend.LLBBridge/"
	)
	rpc := func(path string, action Action, effect Effect, gives string) Route {
		return Route{Method: GRPC, Path: path, Action: action, On: Engine, Effect: effect, Body: HTTP2, Gives: gives}
	}
	return []Route{
		rpc(control+"Solve", "BuildSolve", Changes, "programs that run at build time: with entitlements, with all rights and the host's network"),
		rpc(control+"Status", "BuildPart", Reads, "what programs of a build write; of own builds"),
		rpc(control+"Session", "BuildSession", Changes, "a session: files, passwords and secrets of the caller for builds"),
		rpc(control+"ListWorkers", "BuildPart", Reads, "platforms and labels of the builder"),
		rpc(control+"Info", "BuildPart", Reads, "the builder's version"),
		rpc(control+"DiskUsage", "BuildCacheRead", Reads, "steps of builds of others, and their sizes"),
		rpc(control+"Prune", "BuildPrune", Changes, "a cold cache for all"),
		rpc(control+"ListenBuildHistory", "BuildHistory", Reads, "builds of others, with what they were told"),
		rpc(control+"UpdateBuildHistory", "BuildHistoryChange", Changes, "removal of the history of others"),
		rpc(bridge+"Solve", "BuildSolve", Changes, "a part of an own build, with no more than what the build may"),
		rpc(bridge+"ResolveImageConfig", "BuildSolve", Changes, "an image's configuration, and a request of the host to a registry"),
		rpc(bridge+"ResolveSourceMeta", "BuildSolve", Changes, "a request of the host to a registry or an address"),
		rpc(bridge+"Ping", "BuildPart", Reads, "what the builder can"),
		rpc(bridge+"ReadFile", "BuildPart", Reads, "a file of an own build"),
		rpc(bridge+"ReadDir", "BuildPart", Reads, "names of files of an own build"),
		rpc(bridge+"StatFile", "BuildPart", Reads, "that a file of an own build is there"),
		rpc(bridge+"Evaluate", "BuildPart", Reads, "that a step of an own build runs now, and not later"),
		rpc(bridge+"Inputs", "BuildPart", Reads, "what an own build was given"),
		rpc(bridge+"Return", "BuildPart", Reads, "the end of an own build"),
		rpc(bridge+"Warn", "BuildPart", Reads, "a warning in an own build"),
		rpc("/grpc.health.v1.Health/Check", "BuildPart", Reads, "that the builder works"),
		rpc("/containerd.services.content.v1.Content/Info", "BuildContent", Reads, "that an image of others is there"),
		rpc("/containerd.services.content.v1.Content/Read", "BuildContent", Reads, "files of images of others"),
		rpc("/opentelemetry.proto.collector.trace.v1.TraceService/Export", "BuildPart", Reads, "the client's own figures in those of its build"),
	}
}
