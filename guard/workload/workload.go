// Package workload turns the engine's bodies into model.Workload: what a call would run, in one form for a container, a service, a
// build and a program in a container, and the same for what runs already. Collectors and the guard read the same thing here.
//
// It decides nothing and reads nothing: what depends on the host (paths behind links, volumes, other containers, images) comes
// through the interface that the caller gives. What it does not understand it names in Workload.Unknown; it takes nothing for
// harmless.
package workload

import (
	"context"

	"github.com/bulkhead-security/bulkhead/model"
)

// Kinds of workloads.
const (
	KindContainer  = "container"
	KindService    = "service"
	KindPlugin     = "plugin"
	KindAttachment = "attachment"
	KindExec       = "exec"
	KindUpdate     = "update"
	KindBuild      = "build"
	KindVolume     = "volume"
)

// Host is what a body's meaning depends on beside itself. An error makes the thing unknown.
type Host interface {
	// Path says what the engine would find at a path of its host.
	Path(path string) Path
	// Below says whether something else is mounted below a path of the host; what can't be told is.
	Below(path string) bool
	// Volume is a named volume; false where there is none yet.
	Volume(ctx context.Context, name string) (Volume, bool, error)
	// Container is another container by whatever name.
	Container(ctx context.Context, name string) (Peer, error)
	// Network is a network by whatever name.
	Network(ctx context.Context, name string) (Network, error)
	// Image is an image of the host; false where it is not there (yet).
	Image(ctx context.Context, ref string) (Image, bool, error)
}

// Path is a path of the host.
type Path struct {
	// Resolved is where it leads, links and ".." followed; as cleaned as can be where it leads nowhere.
	Resolved string
	// Unstable says why somebody who is not root could make it lead elsewhere; empty where nobody can.
	Unstable string
}

// Volume is a volume of the engine.
type Volume struct {
	Driver, Mountpoint string
	Options            map[string]string
	Foreign            bool // of others than whoever asks
}

// Peer is another container.
type Peer struct {
	ID         string
	Foreign    bool // of others than whoever asks
	Namespaces model.Namespaces
	Mounts     []model.Mount // as its own Workload has them
}

// Network is a network of the engine.
type Network struct {
	ID, Name, Driver string
	Foreign          bool // of others than whoever asks, and not one that all use
}

// Image is what an image says of itself.
type Image struct {
	ID, Digest, User, WorkingDir string
	Entrypoint, Cmd, Env         []string
	// Accounts are the uids by name of its /etc/passwd, where somebody looked.
	Accounts map[string]int
}

// Defaults are what a workload gets that asks for nothing.
type Defaults struct {
	Seccomp         string // "default", "custom", or "unconfined"
	AppArmor        string // the profile's name; empty for none
	NoNewPrivileges bool
	Remapped        bool   // uids are, by a user namespace or a rootless engine
	CgroupNamespace string // "private" or "host"
	CgroupParent    string
	LogDriver       string
	Runtimes        []string // that the engine was configured with
	Runtime         string   // the one of them that is taken
	DeviceRuntimes  []string // those of them that give devices to what asks by its environment
	PublishAddress  string   // where ports are published that name no address; empty for everywhere
	// Sockets are those of container engines, and everything that gives the same power; SystemPaths what belongs to the host's
	// own programs beside the usual places, such as the engine's directories.
	Sockets, SystemPaths []string
	// WritablePaths are those of the host that containers may be given to write to.
	WritablePaths []string
	// ReadablePaths are those that they may be given to read, with all that is below.
	ReadablePaths []string
	// ReadOnlyDeep says that what is mounted read-only is so with all that is mounted below it: engines since 25, on Linux since 5.12.
	ReadOnlyDeep bool
	// Masked are the paths that the engine masks by itself; nil for all that any version does.
	Masked []string
	// Alone says that no other node runs what this one is asked to: paths of a service are those of this host.
	Alone bool
}

// Texts finds secrets and takes them out.
type Texts interface {
	Env(env []string) (names []string, found []model.SecretSighting)
	Args(place string, args []string) (redacted []string, found []model.SecretSighting)
	Map(place string, m map[string]string) (redacted map[string]string, found []model.SecretSighting)
}

// Reader reads bodies. All of Host and Texts are needed.
type Reader struct {
	Host     Host
	Texts    Texts
	Defaults Defaults
	// TenantLabel and SensitivityLabel are what workloads say of themselves by.
	TenantLabel, SensitivityLabel string
}

// note says that something is not understood.
func note(w *model.Workload, place, why string) {
	const most = 50 // one is enough to refuse
	if len(w.Unknown) < most {
		w.Unknown = append(w.Unknown, place+": "+why)
	}
}

// WriteTexts takes what a person wrote, without secrets.
func WriteTexts(t Texts, w *model.Workload, entrypoint, args, env []string, labels map[string]string) {
	var found, more []model.SecretSighting
	w.Entrypoint, found = t.Args("entrypoint", entrypoint)
	w.Args, more = t.Args("arg", args)
	found = append(found, more...)
	w.EnvNames, more = t.Env(env)
	found = append(found, more...)
	w.Labels, more = t.Map("label", labels)
	w.Secrets = append(found, more...)
	sortStrings(w.EnvNames)
}
