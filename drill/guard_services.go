package drill

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/drill/ground"
)

// serviceDrills give a service of one's own what belongs to the host or to others, and use others' services, secrets and configurations.
func serviceDrills() []Drill {
	both := []string{"7.6.a", "7.6.b"}
	const escape = "T1611"
	return []Drill{
		guardDrill("service-host-network", escape, "A service uses the host's network", inSwarm(makesServiceSpec(func(ctx context.Context, w *EngineWorld) (fields, error) {
			s := w.service("mine", sleeps())
			task(s)["Networks"] = []fields{{"Target": "host"}}
			return s, nil
		}))),
		guardDrill("service-mount-template", escape, "A service's volume becomes the host's directory by what the engine writes into it when a task starts", inSwarm(templateMount)),
		guardDrill("service-goes-back", escape, "A service goes back to what the host's own people had given it for a time", inSwarm(goesBack)),
		guardDrill("service-label", "T1036", "The tasks of a service say to be somebody else's", inSwarm(makesServiceSpec(func(_ context.Context, w *EngineWorld) (fields, error) {
			c := sleeps()
			c["Labels"] = fields{"io.bulkhead.owner": "victor", "io.bulkhead.tenant": other}
			return w.service("mine", c), nil
		}))),
		guardDrill("service-volume-of-another", "T1530", "The tasks of a service mount somebody else's volume", inSwarm(tasksReadVolume), both...),
		guardDrill("service-config-of-another", "T1552", "A service is given somebody else's configuration", inSwarm(takesConfig), both...),
		guardDrill("service-network-of-another", "T1046", "A service joins somebody else's overlay network", inSwarm(makesServiceSpec(func(ctx context.Context, w *EngineWorld) (fields, error) {
			id, err := w.victimsOverlay(ctx)
			s := w.service("mine", sleeps())
			task(s)["Networks"] = []fields{{"Target": id}}
			return s, err
		})), both...),
		guardDrill("overlay-join", "T1046", "A container joins somebody else's overlay network", inSwarm(func(ctx context.Context, w *EngineWorld) (bool, error) {
			id, err := w.victimsOverlay(ctx)
			if err != nil {
				return false, err
			}
			return runs(func(w *EngineWorld) fields { return with(plain(), "NetworkMode", w.name+"-overlay") }, isIn(id))(ctx, w)
		}), both...),
		guardDrill("service-rollback-of-another", "T1499", "Somebody else's service goes back to what it was", inSwarm(rollsBackAnothers), both...),
		guardDrill("service-logs-of-another", "T1552", "What somebody else's service writes is read", inSwarm(readsServiceLogs), both...),
		guardDrill("task-inspect-of-another", "T1552", "The secrets in the environment of somebody else's task are read", inSwarm(readsOf("/tasks/", (*EngineWorld).victimsTask, secretOf)), both...),
		guardDrill("secret-update-of-another", "T1565", "The labels of somebody else's secret are changed", inSwarm(relabelsSecret), both...),
		guardDrill("config-inspect-of-another", "T1552", "Somebody else's configuration is read", inSwarm(readsOf("/configs/", (*EngineWorld).victimsConfig, func(*EngineWorld) string { return `"Data"` })), both...),
		guardDrill("config-remove-of-another", "T1485", "Somebody else's configuration is removed", inSwarm(removes("/configs/", (*EngineWorld).victimsConfig, configThere)), both...),
		quiet(guardDrill("list-configs", "T1613", "Others' configurations are listed with their contents", inSwarm(listsSwarm("/configs", (*EngineWorld).victimsConfig)), both...)),
		quiet(guardDrill("list-tasks", "T1613", "Others' tasks are listed with their environment", inSwarm(listsTasks), both...)),
		guardDrill("swarm-node-inspect", "T1018", "Name, address and certificate of a swarm's machine are read", inSwarm(inspectsNode)),
		guardDrill("swarm-node-label", "T1578", "A machine of a swarm gets a label by which others' services are placed", inSwarm(labelsNode)),
		guardDrill("swarm-rotate-tokens", "T1489", "The tokens by which machines join a swarm become others", inSwarm(rotatesTokens)),
	}
}

// sleeps is what a service runs that does nothing for long.
func sleeps() fields { return fields{"Image": ground.Image, "Command": []string{"/bin/sleep", "600"}} }

// task is the part of a service that says what its tasks are.
func task(service fields) fields {
	t, _ := service["TaskTemplate"].(fields)
	return t
}

// running has a service run one task.
func running(s fields) fields {
	s["Mode"] = fields{"Replicated": fields{"Replicas": 1}}
	return s
}

func makesServiceSpec(spec func(ctx context.Context, w *EngineWorld) (fields, error)) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		s, err := spec(ctx, w)
		if err != nil {
			return false, err
		}
		a, err := w.mallory.send(ctx, http.MethodPost, "/services/create", s)
		if err != nil || !a.ok() {
			return false, errOr(err, w.fairIf(a))
		}
		_, err = w.root.ServiceInspect(ctx, w.name+"-mine", client.ServiceInspectOptions{})
		return err == nil, err
	}
}

// taskSays waits until a service's task has written something, as the host sees it.
func (w *EngineWorld) taskSays(ctx context.Context, service, text string) (bool, error) {
	return becomes(ctx, 150, func() (bool, error) {
		list, err := w.root.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", "com.docker.swarm.service.name="+service)})
		if err != nil {
			return false, err
		}
		for _, c := range list.Items {
			said, err := w.wrote(ctx, c.ID)
			if err == nil && strings.Contains(said, text) {
				return true, nil
			}
		}
		return false, nil
	})
}

// tasksSay is the attack of a service whose task writes what it should not know.
func (w *EngineWorld) tasksSay(ctx context.Context, spec fields) (bool, error) {
	a, err := w.mallory.send(ctx, http.MethodPost, "/services/create", running(spec))
	if err != nil || !a.ok() {
		return false, errOr(err, w.fairIf(a))
	}
	return w.taskSays(ctx, w.name+"-mine", w.secret)
}

// reader is a service's program that reads a secret below a directory.
func reader(dir string) fields {
	return fields{"Image": ground.Image, "Command": []string{"/bin/sh", "-c", "cat " + dir + "/secret; echo; sleep 600"}}
}

// templateMount hides a bind mount of the host's directory in what looks like a file system in memory until its task starts.
func templateMount(ctx context.Context, w *EngineWorld) (bool, error) {
	c := reader("/v")
	c["Mounts"] = []fields{{"Type": "volume", "Source": w.name + "-v", "Target": "/v", "VolumeOptions": fields{"DriverConfig": fields{"Name": "local", "Options": fields{
		"type": "tmpfs", "device": `{{index .Service.Labels "d"}}`, "o": `size={{index .Service.Labels "o"}}`,
	}}}}}
	s := w.service("mine", c)
	s["Labels"] = fields{"d": w.dir, "o": "1m,bind"}
	return w.tasksSay(ctx, s)
}

func tasksReadVolume(ctx context.Context, w *EngineWorld) (bool, error) {
	if _, err := w.victim(ctx); err != nil {
		return false, err
	}
	c := reader("/v")
	c["Mounts"] = []fields{{"Type": "volume", "Source": w.name + "-data", "Target": "/v"}}
	return w.tasksSay(ctx, w.service("mine", c))
}

// goesBack has the host's own people give mallory's service a mount, and take it away again.
func goesBack(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.inSwarmOf(ctx, w.mallory, "/services/create", w.service("mine", sleeps()))
	if err != nil {
		return false, err
	}
	var version uint64
	for _, more := range []fields{{"Mounts": []fields{{"Type": "bind", "Source": w.dir, "Target": "/h"}}}, {}} {
		s, err := w.root.ServiceInspect(ctx, id, client.ServiceInspectOptions{})
		if err != nil {
			return false, err
		}
		c := sleeps()
		c["Labels"] = s.Service.Spec.TaskTemplate.ContainerSpec.Labels
		for k, v := range more {
			c[k] = v
		}
		spec := w.service("mine", c)
		spec["Labels"] = s.Service.Spec.Labels
		if _, err := w.host(ctx, fmt.Sprintf("/services/%s/update?version=%d", id, s.Service.Version.Index), spec); err != nil {
			return false, err
		}
	}
	s, err := w.root.ServiceInspect(ctx, id, client.ServiceInspectOptions{})
	if err != nil {
		return false, err
	}
	version = s.Service.Version.Index
	a, err := w.mallory.send(ctx, http.MethodPost, fmt.Sprintf("/services/%s/update?version=%d&rollback=previous", id, version), s.Service.Spec)
	if err != nil {
		return false, err
	}
	now, err := w.root.ServiceInspect(ctx, id, client.ServiceInspectOptions{})
	return err == nil && len(now.Service.Spec.TaskTemplate.ContainerSpec.Mounts) == 1, errOr(err, w.fair(a))
}

func (w *EngineWorld) victimsOverlay(ctx context.Context) (string, error) {
	a, err := w.must(ctx, w.victor, "/networks/create", fields{"Name": w.name + "-overlay", "Driver": "overlay", "Attachable": true})
	if err != nil {
		return "", err
	}
	return a.id(), nil
}

func (w *EngineWorld) victimsConfig(ctx context.Context) (string, error) {
	return w.inSwarmOf(ctx, w.victor, "/configs/create", fields{"Name": w.name + "-config", "Data": []byte(w.secret)})
}

func takesConfig(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.victimsConfig(ctx)
	if err != nil {
		return false, err
	}
	c := reader("/c")
	c["Configs"] = []fields{{"ConfigID": id, "ConfigName": w.name + "-config", "File": fields{"Name": "/c/secret", "UID": "0", "GID": "0", "Mode": 292}}}
	return w.tasksSay(ctx, w.service("mine", c))
}

func relabelsSecret(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.victimsSecret(ctx)
	if err != nil {
		return false, err
	}
	s, err := w.root.SecretInspect(ctx, id, client.SecretInspectOptions{})
	if err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodPost, fmt.Sprintf("/secrets/%s/update?version=%d", id, s.Secret.Version.Index), fields{"Name": w.name + "-secret", "Labels": fields{"x": "mallory"}})
	if err != nil {
		return false, err
	}
	s, err = w.root.SecretInspect(ctx, id, client.SecretInspectOptions{})
	return err == nil && s.Secret.Spec.Labels["x"] == "mallory", errOr(err, w.fair(a))
}
