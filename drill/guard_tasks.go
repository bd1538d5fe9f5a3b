package drill

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/drill/ground"
)

// victimsRunning is a service of victor's whose task has written the secret.
func (w *EngineWorld) victimsRunning(ctx context.Context) (string, error) {
	id, err := w.inSwarmOf(ctx, w.victor, "/services/create", running(w.service("victim", fields{
		"Image": ground.Image, "Command": []string{"/bin/sh", "-c", "echo $SECRET; sleep 600"}, "Env": []string{"SECRET=" + w.secret, "PATH=/bin"},
	})))
	if err != nil {
		return "", err
	}
	said, err := w.taskSays(ctx, w.name+"-victim", w.secret)
	if err == nil && !said {
		err = fmt.Errorf("the victim's service does not run")
	}
	return id, err
}

func readsServiceLogs(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.victimsRunning(ctx)
	if err != nil {
		return false, err
	}
	for range 50 { // what a task wrote comes to its node's manager a little later
		a, err := w.mallory.send(ctx, http.MethodGet, "/services/"+id+"/logs?stdout=1&stderr=1", nil)
		if err != nil || !a.ok() {
			return false, errOr(err, w.fairIf(a))
		}
		if strings.Contains(string(a.body), w.secret) {
			return true, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return false, nil
}

func (w *EngineWorld) victimsTask(ctx context.Context) (string, error) {
	if _, err := w.victimsRunning(ctx); err != nil {
		return "", err
	}
	list, err := w.root.TaskList(ctx, client.TaskListOptions{})
	if err != nil || len(list.Items) == 0 {
		return "", fmt.Errorf("the victim's service has no task: %w", err)
	}
	return list.Items[0].ID, nil
}

func listsTasks(ctx context.Context, w *EngineWorld) (bool, error) {
	if _, err := w.victimsTask(ctx); err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodGet, "/tasks?filters="+url.QueryEscape(`{"service":["`+w.name+`-victim"]}`), nil)
	if err != nil {
		return false, err
	}
	return strings.Contains(string(a.body), w.secret), nil
}

func rollsBackAnothers(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.victimsService(ctx)
	if err != nil {
		return false, err
	}
	s, err := w.root.ServiceInspect(ctx, id, client.ServiceInspectOptions{})
	if err != nil {
		return false, err
	}
	c := sleeps()
	c["Env"] = []string{"NEW=1"}
	if _, err := w.must(ctx, w.victor, fmt.Sprintf("/services/%s/update?version=%d", id, s.Service.Version.Index), w.service("victim", c)); err != nil {
		return false, err
	}
	if s, err = w.root.ServiceInspect(ctx, id, client.ServiceInspectOptions{}); err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodPost, fmt.Sprintf("/services/%s/update?version=%d&rollback=previous", id, s.Service.Version.Index), s.Service.Spec)
	if err != nil {
		return false, err
	}
	now, err := w.root.ServiceInspect(ctx, id, client.ServiceInspectOptions{})
	return err == nil && strings.Contains(strings.Join(now.Service.Spec.TaskTemplate.ContainerSpec.Env, " "), w.secret), errOr(err, w.fair(a))
}

func (w *EngineWorld) node(ctx context.Context) (*swarm.Node, error) {
	nodes, err := w.root.NodeList(ctx, client.NodeListOptions{})
	if err != nil || len(nodes.Items) != 1 {
		return nil, fmt.Errorf("machines of the swarm: %d, %w", len(nodes.Items), err)
	}
	return &nodes.Items[0], nil
}

func inspectsNode(ctx context.Context, w *EngineWorld) (bool, error) {
	n, err := w.node(ctx)
	if err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodGet, "/nodes/"+n.ID, nil)
	if err != nil {
		return false, err
	}
	return strings.Contains(string(a.body), "127.0.0.1"), w.fair(a)
}

func labelsNode(ctx context.Context, w *EngineWorld) (bool, error) {
	n, err := w.node(ctx)
	if err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodPost, fmt.Sprintf("/nodes/%s/update?version=%d", n.ID, n.Version.Index),
		fields{"Role": "manager", "Availability": "active", "Labels": fields{"zone": "mallory"}})
	if err != nil {
		return false, err
	}
	now, err := w.root.NodeInspect(ctx, n.ID, client.NodeInspectOptions{})
	return err == nil && now.Node.Spec.Labels["zone"] == "mallory", errOr(err, w.fair(a))
}

func rotatesTokens(ctx context.Context, w *EngineWorld) (bool, error) {
	s, err := w.root.SwarmInspect(ctx, client.SwarmInspectOptions{})
	if err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodPost, fmt.Sprintf("/swarm/update?version=%d&rotateWorkerToken=1&rotateManagerToken=1", s.Swarm.Version.Index), s.Swarm.Spec)
	if err != nil {
		return false, err
	}
	now, err := w.root.SwarmInspect(ctx, client.SwarmInspectOptions{})
	return err == nil && now.Swarm.JoinTokens != s.Swarm.JoinTokens, errOr(err, w.fair(a))
}
