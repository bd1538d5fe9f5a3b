package drill

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/drill/ground"
)

// swarmDrills change or read what a swarm is made of, and what others have in it.
func swarmDrills() []Drill {
	both := []string{"7.6.a", "7.6.b"}
	read := func(target, what string) attack {
		return inSwarm(func(ctx context.Context, w *EngineWorld) (bool, error) {
			a, err := w.mallory.send(ctx, http.MethodGet, target, nil)
			if err != nil {
				return false, err
			}
			return a.ok() && strings.Contains(string(a.body), what), w.fair(a)
		})
	}
	return []Drill{
		guardDrill("swarm-init", "T1578", "The host becomes the manager of a swarm", func(ctx context.Context, w *EngineWorld) (bool, error) {
			a, err := w.mallory.send(ctx, http.MethodPost, "/swarm/init", fields{"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1"})
			if err != nil {
				return false, err
			}
			return w.managed(ctx), w.fair(a)
		}),
		guardDrill("swarm-join", "T1578", "The host joins a swarm of somebody else's", reachesHost(func(_ *EngineWorld, address string) (string, string, any) {
			return http.MethodPost, "/swarm/join", fields{ //nolint:gosec // the token is nobody's
				"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1", "RemoteAddrs": []string{address},
				"JoinToken": "SWMTKN-1-00000000000000000000000000000000000000000000000000-0000000000000000000000000",
			}
		})),
		guardDrill("swarm-leave", "T1489", "The host leaves its swarm", inSwarm(func(ctx context.Context, w *EngineWorld) (bool, error) {
			a, err := w.mallory.send(ctx, http.MethodPost, "/swarm/leave?force=1", nil)
			if err != nil {
				return false, err
			}
			return !w.managed(ctx), w.fair(a)
		})),
		guardDrill("swarm-tokens", "T1552", "The tokens by which machines join a swarm are read", read("/swarm", "SWMTKN-")),
		guardDrill("swarm-unlock-key", "T1552", "The key of the managers' data is read", inSwarm(readsUnlockKey)),
		guardDrill("swarm-unlock", "T1550", "The managers' data is opened with a stolen key after the engine was started again", inSwarm(unlocks)),
		quiet(guardDrill("swarm-nodes", "T1018", "Names and addresses of a swarm's machines are listed", read("/nodes", "127.0.0.1"))),
		guardDrill("swarm-node-drain", "T1489", "A machine of a swarm is drained", inSwarm(drainsNode)),
		guardDrill("service-bind", "T1611", "A service mounts the host's root", inSwarm(makesService(func(*EngineWorld) fields {
			return fields{"Image": ground.Image, "Mounts": []fields{{"Type": "bind", "Source": "/", "Target": "/h"}}}
		}))),
		guardDrill("service-capability", "T1611", "A service gets capabilities of the host", inSwarm(makesService(func(*EngineWorld) fields {
			return fields{"Image": ground.Image, "CapabilityAdd": []string{"CAP_SYS_ADMIN"}}
		}))),
		guardDrill("service-secret-of-another", "T1552", "A service is given somebody else's secret", inSwarm(takesSecret), both...),
		guardDrill("service-update-of-another", "T1525", "Somebody else's service gets another program", inSwarm(updatesService), both...),
		guardDrill("service-remove-of-another", "T1489", "Somebody else's service is removed", inSwarm(removes("/services/", (*EngineWorld).victimsService, serviceThere)), both...),
		guardDrill("service-inspect-of-another", "T1552", "The secrets in the environment of somebody else's service are read", inSwarm(readsOf("/services/", (*EngineWorld).victimsService, secretOf)), both...),
		guardDrill("secret-remove-of-another", "T1485", "Somebody else's secret is removed", inSwarm(removes("/secrets/", (*EngineWorld).victimsSecret, secretThere)), both...),
		quiet(guardDrill("list-services", "T1613", "Others' services are listed", inSwarm(listsSwarm("/services", (*EngineWorld).victimsService)), both...)),
		quiet(guardDrill("list-secrets", "T1613", "Others' secrets are listed", inSwarm(listsSwarm("/secrets", (*EngineWorld).victimsSecret)), both...)),
	}
}

// inSwarm makes a swarm of one first.
func inSwarm(do attack) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		if err := w.makeSwarm(ctx); err != nil {
			return false, fmt.Errorf("make a swarm: %w", err)
		}
		return do(ctx, w)
	}
}

// makeSwarm tries again where an engine that has just left a locked swarm wrote that one's key once more, and takes its own for locked.
func (w *EngineWorld) makeSwarm(ctx context.Context) error {
	const tries = 5
	var err error
	for range tries {
		_, err = w.root.SwarmInit(ctx, client.SwarmInitOptions{AdvertiseAddr: "127.0.0.1", ListenAddr: "127.0.0.1:2377"})
		if err == nil || !strings.Contains(err.Error(), "needs to be unlocked") {
			return err
		}
		if _, lerr := w.root.SwarmLeave(ctx, client.SwarmLeaveOptions{Force: true}); lerr != nil {
			return errors.Join(err, lerr)
		}
	}
	return err
}

func (w *EngineWorld) managed(ctx context.Context) bool {
	in, err := w.root.Info(ctx, client.InfoOptions{})
	return err == nil && in.Info.Swarm.ControlAvailable
}

func readsUnlockKey(ctx context.Context, w *EngineWorld) (bool, error) {
	if err := w.autolock(ctx); err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodGet, "/swarm/unlockkey", nil)
	if err != nil {
		return false, err
	}
	return strings.Contains(string(a.body), "SWMKEY-"), w.fair(a)
}

func drainsNode(ctx context.Context, w *EngineWorld) (bool, error) {
	n, err := w.node(ctx)
	if err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodPost, fmt.Sprintf("/nodes/%s/update?version=%d", n.ID, n.Version.Index), fields{"Role": "manager", "Availability": "drain"})
	if err != nil {
		return false, err
	}
	now, err := w.root.NodeInspect(ctx, n.ID, client.NodeInspectOptions{})
	return err == nil && now.Node.Spec.Availability == "drain", errOr(err, w.fair(a))
}

func (w *EngineWorld) service(name string, container fields) fields {
	return fields{"Name": w.name + "-" + name, "TaskTemplate": fields{"ContainerSpec": container}, "Mode": fields{"Replicated": fields{"Replicas": 0}}}
}

func makesService(container func(w *EngineWorld) fields) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		a, err := w.mallory.send(ctx, http.MethodPost, "/services/create", w.service("mine", container(w)))
		if err != nil || !a.ok() {
			return false, errOr(err, w.fairIf(a))
		}
		list, err := w.root.ServiceList(ctx, client.ServiceListOptions{})
		return err == nil && len(list.Items) > 0, err
	}
}

// host makes something as the host's own people do.
func (w *EngineWorld) host(ctx context.Context, target string, body any) (*answer, error) {
	root, err := newCaller(Person{Name: "root"}, w.engine.Socket)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.close() }()
	return w.must(ctx, root, target, body)
}

// inSwarmOf makes something of a swarm's, and gives its id.
func (w *EngineWorld) inSwarmOf(ctx context.Context, c *caller, target string, body any) (string, error) {
	a, err := w.must(ctx, c, target, body)
	if err != nil {
		return "", err
	}
	id, _ := a.object()["ID"].(string)
	return id, nil
}

func (w *EngineWorld) victimsSecret(ctx context.Context) (string, error) {
	return w.inSwarmOf(ctx, w.victor, "/secrets/create", fields{"Name": w.name + "-secret", "Data": []byte(w.secret)})
}

func (w *EngineWorld) victimsService(ctx context.Context) (string, error) {
	return w.inSwarmOf(ctx, w.victor, "/services/create", w.service("victim", fields{"Image": ground.Image, "Env": []string{"SECRET=" + w.secret}}))
}

func takesSecret(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.victimsSecret(ctx)
	if err != nil {
		return false, err
	}
	return makesService(func(w *EngineWorld) fields {
		return fields{"Image": ground.Image, "Secrets": []fields{{"SecretID": id, "SecretName": w.name + "-secret", "File": fields{"Name": "s", "UID": "0", "GID": "0", "Mode": 292}}}}
	})(ctx, w)
}

func updatesService(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.victimsService(ctx)
	if err != nil {
		return false, err
	}
	s, err := w.root.ServiceInspect(ctx, id, client.ServiceInspectOptions{})
	if err != nil {
		return false, err
	}
	target := fmt.Sprintf("/services/%s/update?version=%d", id, s.Service.Version.Index)
	a, err := w.mallory.send(ctx, http.MethodPost, target, w.service("victim", fields{"Image": "evil"}))
	if err != nil {
		return false, err
	}
	now, err := w.root.ServiceInspect(ctx, id, client.ServiceInspectOptions{})
	return err == nil && now.Service.Spec.TaskTemplate.ContainerSpec.Image == "evil", errOr(err, w.fair(a))
}

// has is something that victor has made, by its id.
type has func(w *EngineWorld, ctx context.Context) (id string, err error)

// readsOf reads something of victor's, and looks for what only he should see.
func readsOf(path string, what has, secret func(w *EngineWorld) string) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		id, err := what(w, ctx)
		if err != nil {
			return false, err
		}
		a, err := w.mallory.send(ctx, http.MethodGet, path+id, nil)
		if err != nil {
			return false, err
		}
		return strings.Contains(string(a.body), secret(w)), w.fair(a)
	}
}

func secretOf(w *EngineWorld) string { return w.secret }

// removes removes something of victor's; there has an error once it is gone.
func removes(path string, what has, there func(ctx context.Context, w *EngineWorld, id string) error) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		id, err := what(w, ctx)
		if err != nil {
			return false, err
		}
		a, err := w.mallory.send(ctx, http.MethodDelete, path+id, nil)
		if err != nil {
			return false, err
		}
		return there(ctx, w, id) != nil, w.fair(a)
	}
}

func serviceThere(ctx context.Context, w *EngineWorld, id string) error {
	_, err := w.root.ServiceInspect(ctx, id, client.ServiceInspectOptions{})
	return err
}

func secretThere(ctx context.Context, w *EngineWorld, id string) error {
	_, err := w.root.SecretInspect(ctx, id, client.SecretInspectOptions{})
	return err
}

func configThere(ctx context.Context, w *EngineWorld, id string) error {
	_, err := w.root.ConfigInspect(ctx, id, client.ConfigInspectOptions{})
	return err
}

func listsSwarm(target string, prepare has) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		if _, err := prepare(w, ctx); err != nil {
			return false, err
		}
		a, err := w.mallory.send(ctx, http.MethodGet, target, nil)
		if err != nil {
			return false, err
		}
		return strings.Contains(string(a.body), w.name+"-"), w.fair(a)
	}
}
