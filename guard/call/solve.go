package call

// Solve is what a message of BuildKit's protocol asks for, as far as the guard understands it, or what a build's own file does. The builder
// reads that file from the caller's session, later than the message: File says how. What the file would give programs beyond the others is
// asked for in the message, and the builder holds to it.
type Solve struct {
	// Ref is the build's name, Sessions those that it takes files, secrets and passwords from.
	Ref      string
	Sessions []string
	// Frontend is the program that reads the build's file: "dockerfile.v0", "gateway.v0", or empty for a definition that is whole
	// already. FrontendImages are images that are run as one.
	Frontend       string
	FrontendImages []Named
	// File is how the build's own file is found and read; nil where none is read.
	File *BuildFile
	// Bases are images that stages of the build's file begin with; they are among Images, too.
	Bases []Named
	// Entitlements are as they were asked for; what they stand for is in the fields below, too.
	Entitlements          []string
	HostNetwork, Insecure bool
	Devices               []string
	ExtraHosts, Ulimits   []string
	CgroupParent          string
	Limits                SolveLimits
	// Exporters are the kinds of what is made; Names are those that images get here, Pushes those that are sent to registries.
	Exporters []string
	Names     []Named
	Pushes    []Named
	// Caches are those that are read or written, KIND:PLACE, and CacheRefs those of them that are at registries.
	Caches    []string
	CacheRefs []Named
	// Triggers are what images that are here do once they are built upon (ONBUILD), by the names in Images. Elsewhere are those of Images that are
	// not here, and ForOthers those of Bases that are wanted for another platform than the host's: what these do is not known.
	Triggers             map[string][]string
	Elsewhere, ForOthers []Named
	// Images are those that are taken from, Fetches addresses that the engine would call, Sources all of them and those of the session.
	Images  []Named
	Fetches []string
	Sources []string
	// Secrets are ids of secrets and of agents of SSH that programs of the build are given.
	Secrets []string
	Labels  map[string]string
	// Unknown is what is not understood, each as PLACE: WHY.
	Unknown []string
}

// SolveLimits are those of programs of a build; zero for the builder's own.
type SolveLimits struct {
	Memory, MemorySwap, CPUShares, CPUPeriod, CPUQuota, Shm int64
	CPUSet                                                  string
}

// Named is a name with the field that it stands in.
type Named struct {
	Name, Field string
}

// BuildFile is how a build finds its Dockerfile in a session of the caller's, and what it reads it with.
type BuildFile struct {
	// Local is the part of the session, Name the path in it.
	Local, Name string
	// Args are the build arguments, Platforms those that are built for, empty for the builder's own; Target is a stage.
	Args      map[string]string
	Platforms []string
	Target    string
	// Contexts are names that stand for something else in this build than for the image of that name.
	Contexts []string
	// Pull says that the builder asks registries for images also where they are here.
	Pull bool
	// Own says that the builder's own program reads the file whatever its first line says, Foreign that another program does.
	Own, Foreign bool
}
