package kubernetes

import (
	"context"
	"net/http"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/bulkhead-security/bulkhead/model"
)

// collectDeadline leaves the agent time to merge what was read when the API server is slow.
const collectDeadline = 12 * time.Second

// Collectors lists the collectors of the cluster.
func (c *Client) Collectors() []model.Collector {
	return []model.Collector{{
		Name: "kubernetes.cluster", Paths: []string{"/kubernetes"}, Deadline: collectDeadline, Collect: c.Cluster,
	}}
}

// reading is what the parts have found so far. Each part writes fields of its own.
type reading struct {
	k         model.Kubernetes
	pods      podFacts
	daemonset []string // names, by which the network plugin is told
	providers []string // provider ids of nodes, by which the distribution is told
	hints     []string // labels and annotations of nodes, for the same
}

// Cluster reads the cluster. A server that does not answer gives one gap; a part that may not be read gives a gap of
// its own with the rule that permits it.
func (c *Client) Cluster(ctx context.Context) (func(*model.Snapshot), []model.Gap) {
	if c.refused != nil {
		return nil, []model.Gap{*c.refused}
	}
	first, cancel := context.WithTimeout(ctx, requestTimeout)
	version, err := c.api.version(first)
	cancel()
	if err != nil {
		return nil, []model.Gap{gap("/kubernetes", source{}, err)}
	}
	r := &reading{k: model.Kubernetes{
		Context: c.context, Server: c.server, ServerTLS: c.tls, AuthMethods: c.authMethods,
		Version: version.GitVersion, Platform: version.Platform,
	}}
	gaps := c.parts(ctx, r)
	c.finish(r)
	return func(s *model.Snapshot) { s.Kubernetes = &r.k }, gaps
}

// parts reads everything side by side; gaps come in the order of the list.
func (c *Client) parts(ctx context.Context, r *reading) []model.Gap {
	list := []func(context.Context, *reading) []model.Gap{
		c.nodes, c.podList, c.namespaces, c.replicas, c.rights, c.admission, c.anonymous,
	}
	found := make([][]model.Gap, len(list))
	var wg conc.WaitGroup // a panic is the collector's
	for i, part := range list {
		wg.Go(func() { found[i] = part(ctx, r) })
	}
	wg.Wait()
	var all []model.Gap
	for _, g := range found {
		all = append(all, g...)
	}
	return all
}

// finish joins what several parts told.
func (c *Client) finish(r *reading) {
	r.k.Pods, r.k.ControlPlane = r.pods.all, controlPlane(r.pods.all)
	r.k.APIServerFlags = apiServerFlags(r.k.ControlPlane)
	r.k.EtcdMembers = etcdMembers(r.k.ControlPlane, r.k.APIServerFlags)
	r.k.Distribution = distribution(r)
	r.k.CNI = networkPlugin(r.daemonset)
	at := map[string]*model.KubeNS{}
	for i := range r.k.Namespaces {
		at[r.k.Namespaces[i].Name] = &r.k.Namespaces[i]
	}
	for i := range r.k.Pods {
		p := &r.k.Pods[i]
		ns := at[p.Namespace]
		if ns == nil {
			continue
		}
		ns.Pods++
		if p.Sensitivity == "" && ns.Sensitivity != "" {
			p.Sensitivity = ns.Sensitivity
			for j := range p.Containers {
				p.Containers[j].Workload.Sensitivity = ns.Sensitivity
			}
		}
	}
}

func (c *Client) anonymous(ctx context.Context, r *reading) []model.Gap {
	status, err := c.probe(ctx)
	switch {
	case err != nil:
		return []model.Gap{gap("/kubernetes/anonymous_auth", source{}, err)}
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusOK:
		let, rights := status != http.StatusUnauthorized, status == http.StatusOK
		r.k.AnonymousAuth, r.k.AnonymousAPI = &let, &rights
		return nil
	}
	return []model.Gap{{
		Path: "/kubernetes/anonymous_auth", Reason: model.GapMalformed,
		Detail: "a request without credentials was answered with status " + http.StatusText(status),
	}}
}
