package drill

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// mountDrills bring the host's files, or somebody else's, into a container of one's own.
func mountDrills() []Drill {
	const escape = "T1611"
	bind := func(id, title string, source func(w *EngineWorld) string) Drill {
		return guardDrill(id, escape, title, binds(source))
	}
	return []Drill{
		bind("bind-root", "A container mounts the host's whole file system", func(*EngineWorld) string { return "/" }),
		bind("bind-dots", "A container mounts the host's root, written with dots", func(w *EngineWorld) string { return w.home + strings.Repeat("/..", strings.Count(w.home, "/")) }),
		bind("bind-slashes", "A container mounts the host's root, written with slashes and dots", func(*EngineWorld) string { return "//./" }),
		guardDrill("bind-mount-list", escape, "A container mounts the host's whole file system, in the newer list of mounts", runs(func(w *EngineWorld) fields {
			return with(readSecret(w, "/h"+w.dir), "Mounts", []fields{{"Type": "bind", "Source": "/", "Target": "/h"}})
		}, saysSecret())),
		guardDrill("bind-symlink", escape, "A container mounts a link in one's own directory that leads to the host's root", bindsLink),
		guardDrill("bind-symlink-swap", escape, "A directory of one's own becomes a link to the host's root after a container was made with it", swapsLink),
		guardDrill("bind-read-only", "T1005", "A container reads what is root's alone on the host, by a mount that it may not write to", bindsClosed),
		guardDrill("bind-propagation", escape, "A container's mounts become the host's", runs(func(w *EngineWorld) fields {
			return with(plain(), "Binds", []string{w.home + ":/h:rshared"})
		}, is(func(c *container.InspectResponse) bool {
			return len(c.Mounts) == 1 && c.Mounts[0].Propagation == "rshared"
		}))),
		guardDrill("bind-makes-directory", "T1222.002", "The engine makes a directory of root's on the host for a mount", makesDirectory),
		guardDrill("bind-engine-socket", escape, "A container mounts the engine's own socket", runs(func(w *EngineWorld) fields {
			return with(of("/bin/sh", "-c", `printf 'GET /_ping HTTP/1.0\r\n\r\n' | nc local:/e.sock; test -S /e.sock && echo socket`), "Binds", []string{w.engine.Socket + ":/e.sock"})
		}, says(func(_ *EngineWorld, text string) bool { return strings.Contains(text, "socket") }))),
		guardDrill("bind-parent-of-socket", escape, "A container mounts the directory that the engine's own socket is in", runs(func(w *EngineWorld) fields {
			return with(of("/bin/sh", "-c", "test -S /e/docker.sock && echo socket"), "Binds", []string{w.engine.Dir + ":/e:ro"})
		}, says(func(_ *EngineWorld, text string) bool { return strings.Contains(text, "socket") }))),
		guardDrill("volume-bind", escape, "A volume is made of the host's directory, and mounted", volumeOf(func(w *EngineWorld) fields {
			return fields{"type": "none", "o": "bind", "device": w.dir}
		})),
		guardDrill("volume-rbind", escape, "The same, with a type and options that say it in other words", volumeOf(func(w *EngineWorld) fields {
			return fields{"type": "ext4", "o": "rw,rbind,noatime", "device": w.dir}
		})),
		guardDrill("volume-overlay", escape, "A volume is an overlay of the host's directories", volumeOf(func(w *EngineWorld) fields {
			return fields{"type": "overlay", "o": "lowerdir=" + w.dir + ":/mnt", "device": "overlay"}
		})),
		guardDrill("volume-inline-bind", escape, "A volume of the host's directory is made by the container that mounts it", runs(func(w *EngineWorld) fields {
			return with(readSecret(w, "/h"), "Mounts", []fields{{"Type": "volume", "Source": w.name + "-v", "Target": "/h", "VolumeOptions": fields{
				"DriverConfig": fields{"Name": "local", "Options": fields{"type": "none", "o": "bind", "device": w.dir}},
			}}})
		}, saysSecret())),
		guardDrill("volume-nfs", "T1039", "A volume is made of a file server that trusts the host's address", networkVolume(fields{
			"type": "nfs", "o": "addr=127.0.0.1,rw", "device": ":/",
		})),
		guardDrill("volume-inline-cifs", "T1039", "A volume of a file server's share is made by the container that mounts it", inlineNetworkVolume(fields{
			"type": "cifs", "o": "addr=127.0.0.1,guest", "device": "//127.0.0.1/share",
		})),
		guardDrill("volume-of-another", "T1530", "A container mounts somebody else's volume", volumeOfAnother(func(w *EngineWorld) fields {
			return with(readSecret(w, "/v"), "Binds", []string{w.name + "-data:/v"})
		}), "7.6.a", "7.6.b"),
		guardDrill("volume-of-another-mount-list", "T1530", "The same, in the newer list of mounts", volumeOfAnother(func(w *EngineWorld) fields {
			return with(readSecret(w, "/v"), "Mounts", []fields{{"Type": "volume", "Source": w.name + "-data", "Target": "/v"}})
		}), "7.6.a", "7.6.b"),
		guardDrill("volumes-from", "T1530", "A container takes over all volumes of somebody else's", volumeOfAnother(func(w *EngineWorld) fields {
			return with(readSecret(w, "/data"), "VolumesFrom", []string{w.name + "-victim"})
		}), "7.6.a", "7.6.b"),
		guardDrill("log-driver", "T1071", "The engine, as root, sends a container's log to any socket of the host", logsElsewhere),
	}
}

// readSecret is a container that reads the host's secret, or somebody's, below a directory.
func readSecret(_ *EngineWorld, dir string) fields { return of("/bin/cat", dir+"/secret") }

func binds(source func(w *EngineWorld) string) attack {
	return runs(func(w *EngineWorld) fields {
		return with(readSecret(w, "/h"+w.dir), "Binds", []string{source(w) + ":/h:ro"})
	}, saysSecret())
}

func bindsLink(ctx context.Context, w *EngineWorld) (bool, error) {
	link := filepath.Join(w.home, "mine")
	if err := os.Symlink("/", link); err != nil {
		return false, err
	}
	return binds(func(*EngineWorld) string { return link })(ctx, w)
}

// bindsClosed mounts a directory of root's that no other rule is about: nobody can change it, and none of the host's programs needs it.
func bindsClosed(ctx context.Context, w *EngineWorld) (_ bool, err error) {
	dir, err := os.MkdirTemp("/srv", w.name+"-")
	if err != nil {
		return false, fmt.Errorf("make a directory of the host's: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(w.secret), 0o600); err != nil {
		return false, fmt.Errorf("write the host's secret: %w", err)
	}
	return runs(func(w *EngineWorld) fields {
		return with(readSecret(w, "/h"), "Binds", []string{dir + ":/h:ro"})
	}, saysSecret())(ctx, w)
}

// swapsLink wins the race between judging and mounting without running: there is any time between making and starting.
func swapsLink(ctx context.Context, w *EngineWorld) (bool, error) {
	mine, m := filepath.Join(w.home, "mine"), mallory().User
	if err := errors.Join(os.Mkdir(mine, 0o700), os.Chown(mine, m.UID, m.GID)); err != nil {
		return false, err
	}
	id, err := w.make(ctx, with(readSecret(w, "/h"+w.dir), "Binds", []string{mine + ":/h:ro"}))
	if err != nil || id == "" {
		return false, err
	}
	if err := errors.Join(os.Remove(mine), os.Symlink("/", mine)); err != nil {
		return false, err
	}
	return w.startAndProve(ctx, id, saysSecret())
}

func makesDirectory(ctx context.Context, w *EngineWorld) (bool, error) {
	there := filepath.Join(w.dir, "made", "here")
	id, err := w.make(ctx, with(plain(), "Binds", []string{there + ":/h"}))
	if err != nil || id == "" {
		return false, err
	}
	if a, err := w.mallory.send(ctx, http.MethodPost, "/containers/"+id+"/start", nil); err != nil || !a.ok() {
		return false, errOr(err, w.fair(a))
	}
	_, err = os.Stat(there)
	return err == nil, nil
}

func volumeOf(options func(w *EngineWorld) fields) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		a, err := w.mallory.send(ctx, http.MethodPost, "/volumes/create", fields{"Name": w.name + "-v", "Driver": "local", "DriverOpts": options(w)})
		if err != nil || !a.ok() {
			return false, errOr(err, w.fair(a))
		}
		return runs(func(w *EngineWorld) fields { return with(readSecret(w, "/h"), "Binds", []string{w.name + "-v:/h"}) }, saysSecret())(ctx, w)
	}
}

// networkVolume makes a volume that the engine, as root and from the host's own address, mounts for whoever runs a container with it. The server
// is not needed for that: it is there once the volume is.
func networkVolume(options fields) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		a, err := w.mallory.send(ctx, http.MethodPost, "/volumes/create", fields{"Name": w.name + "-v", "Driver": "local", "DriverOpts": options})
		if err != nil || !a.ok() {
			return false, errOr(err, w.fair(a))
		}
		return w.isOfNetwork(ctx, options)
	}
}

// inlineNetworkVolume has a container bring such a volume along. Nothing of the image is copied there, so that it is not mounted yet.
func inlineNetworkVolume(options fields) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		id, err := w.make(ctx, with(plain(), "Mounts", []fields{{"Type": "volume", "Source": w.name + "-v", "Target": "/v", "VolumeOptions": fields{
			"NoCopy": true, "DriverConfig": fields{"Name": "local", "Options": options},
		}}}))
		if err != nil || id == "" {
			return false, err
		}
		return w.isOfNetwork(ctx, options)
	}
}

// isOfNetwork asks the engine what it would mount.
func (w *EngineWorld) isOfNetwork(ctx context.Context, options fields) (bool, error) {
	v, err := w.root.VolumeInspect(ctx, w.name+"-v", client.VolumeInspectOptions{})
	if err != nil {
		return false, fmt.Errorf("look at what the attack made: %w", err)
	}
	return v.Volume.Options["type"] == options["type"] && v.Volume.Options["device"] == options["device"], nil
}

// volumeOfAnother makes victor's volume with a secret in it, and a container that uses it.
func volumeOfAnother(body func(w *EngineWorld) fields) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		if _, err := w.victim(ctx); err != nil {
			return false, err
		}
		return runs(body, saysSecret())(ctx, w)
	}
}
