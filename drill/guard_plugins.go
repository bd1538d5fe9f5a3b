package drill

import (
	"context"
	"encoding/json"
	"net/http"

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

func (w *EngineWorld) plugin() string { return w.name + "/plugin:1" }

// pluginArchive is a plugin that does nothing, and may be given a mount of the host.
func pluginArchive() ([]byte, error) {
	config, err := json.Marshal(fields{
		"description": "drill", "entrypoint": []string{"/none"}, "interface": fields{"types": []string{"docker.volumedriver/1.0"}, "socket": "drill.sock"},
		"network": fields{"type": "host"}, "linux": fields{"capabilities": []string{"CAP_SYS_ADMIN"}},
		"mounts": []fields{{"name": "host", "source": "/mnt", "destination": "/host", "type": "bind", "options": []string{"rbind"}, "settable": []string{"source"}}},
	})
	if err != nil {
		return nil, err
	}
	return ground.Tar(ground.File{Name: "config.json", Body: config}, ground.File{Name: "rootfs/", Mode: 0o755}, ground.File{Name: "rootfs/none", Mode: 0o755})
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
