package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-security/bulkhead/agent"
	"github.com/bulkhead-security/bulkhead/cli"
	"github.com/bulkhead-security/bulkhead/cmd/internal/clock"
	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/detect/secret"
	"github.com/bulkhead-security/bulkhead/host"
	"github.com/bulkhead-security/bulkhead/image/inventory"
	"github.com/bulkhead-security/bulkhead/image/registries"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/network/segment"
	"github.com/bulkhead-security/bulkhead/orchestrator/docker"
	"github.com/bulkhead-security/bulkhead/orchestrator/kubernetes"
)

// node is this machine, seen through every collector.
type node struct {
	version string
	rpm     *host.RPMMemory // nil for one that looks once
}

// Snapshot implements cli.Node.
func (n *node) Snapshot(ctx context.Context, c config.Config, log *slog.Logger, progress cli.Progress) (*model.Snapshot, error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, c.Collect.Timeout)
	defer cancel()
	secrets := secret.New(guarded.ThrowAwayKey())

	var list []model.Collector
	list = append(list, host.New(host.Options{
		Root: "/", Secrets: secrets, SetuidBudget: c.Collect.SetuidSearch, RPM: rpmReader().Read, Memory: n.rpm,
	}).Collectors()...)
	list = append(list, segment.New("/").Collectors()...)
	list = append(list, n.engine(ctx, c, secrets)...)
	cluster, err := n.cluster(c, secrets)
	if err != nil {
		return nil, err
	}
	list = append(list, cluster...)

	s := agent.Collect(ctx, identity(n.version), clock.Now(), list, agent.Options{
		Deadline: c.Collect.Deadline,
		Overall:  c.Collect.Timeout,
		Parallel: c.Collect.Parallel,
		Progress: func(name string, took time.Duration, done, all int) {
			log.Debug("collected", "collector", name, "took", took.Round(time.Millisecond))
			if progress != nil {
				progress(name, took, done, all)
			}
		},
		Log: log,
	})
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return nil, fmt.Errorf("stopped before the facts were collected: %w", err)
	}
	registries.Enrich(ctx, s, "/", c.Collect.ProbeRegistries)
	log.Info("facts collected", "took", time.Since(start).Round(time.Millisecond), "gaps", len(s.Gaps))
	return s, nil
}

// engine gives the collectors of the container engine, or the gaps that its absence leaves.
func (n *node) engine(ctx context.Context, c config.Config, secrets *secret.Detector) []model.Collector {
	client, err := docker.Connect(ctx, c.Engine.Endpoint, docker.ConnectOptions{})
	if err != nil {
		return []model.Collector{{Name: "docker", Collect: func(context.Context) (model.Part, []model.Gap) {
			return nil, docker.Unreachable(err)
		}}}
	}
	o := docker.Options{
		Root:             "/",
		Secrets:          secrets,
		SensitivityLabel: c.Assess.SensitivityLabel,
		TenantLabel:      c.Assess.TenantLabel,
	}
	if c.Collect.ImageContents {
		o.Inspector = inventory.New(secrets)
		o.CacheDir = cacheDir()
	}
	return docker.New(client, o).Collectors()
}

// cluster gives the collectors of the cluster of the kubeconfig, if one is named.
func (n *node) cluster(c config.Config, secrets *secret.Detector) ([]model.Collector, error) {
	if c.Kubernetes.Kubeconfig == "" {
		return nil, nil
	}
	client, err := kubernetes.Connect(kubernetes.Options{
		Kubeconfig:       c.Kubernetes.Kubeconfig,
		Context:          c.Kubernetes.Context,
		AllowExec:        c.Kubernetes.AllowExec,
		SensitivityLabel: c.Assess.SensitivityLabel,
		TenantLabel:      c.Assess.TenantLabel,
		Secrets:          secrets,
	})
	if err != nil {
		return nil, err
	}
	return client.Collectors(), nil
}

// cacheDir keeps what is inside images, by their immutable id; empty keeps nothing.
func cacheDir() string {
	if os.Geteuid() == 0 {
		return "/var/cache/bulkhead/images"
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "bulkhead", "images")
}
