package docker

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/model"
)

// Swarm reads the Swarm as this node knows it: a manager knows all of it, a worker only that it belongs to one.
func (e *Collector) Swarm(ctx context.Context) (func(*model.Snapshot), []model.Gap) {
	info, err := e.info(ctx)
	if err != nil {
		return nil, []model.Gap{gap("/swarm", err, "look into the engine's log")}
	}
	if info.Swarm.LocalNodeState == "" || e.podman() {
		return nil, nil // an engine without Swarm; Podman calls it inactive
	}
	sw := &model.Swarm{State: string(info.Swarm.LocalNodeState), NodeID: info.Swarm.NodeID, Manager: info.Swarm.ControlAvailable}
	apply := func(s *model.Snapshot) { s.Swarm = sw }
	if info.Swarm.LocalNodeState == swarm.LocalNodeStateInactive {
		return apply, nil
	}
	var gaps []model.Gap
	if d := e.daemon(ctx); d.local {
		// A worker's engine does not tell which swarm it is in; its certificate does. Without it a manager knows the worker by its id.
		sw.Cluster = e.clusterOf(info.DockerRootDir)
		if sw.ListenAddress, err = e.listenAddress(info.DockerRootDir); err != nil {
			gaps = append(gaps, gap("/swarm/listen_address", err, "run as root"))
		}
	} else {
		gaps = append(gaps, model.Gap{Path: "/swarm/listen_address", Reason: model.GapUnsupported, Detail: "the engine runs on another host"})
	}
	if !sw.Manager {
		return apply, append(gaps, model.Gap{
			Path: "/swarm/nodes", Reason: model.GapUnsupported,
			Detail: "this node is no reachable manager", Remedy: "assess a manager as well",
		})
	}
	if c := info.Swarm.Cluster; c != nil {
		sw.Cluster = c.ID
		if sw.CACreated, err = issued(c.TLSInfo.TrustRoot); err != nil {
			gaps = append(gaps, gap("/swarm/ca_created", err, "docker swarm ca tells the certificate"))
		}
	}
	for _, part := range []struct {
		path string
		read func(context.Context, *model.Swarm) error
	}{
		{"/swarm/autolock", e.cluster}, {"/swarm/nodes", e.nodes}, {"/swarm/services", e.services}, {"/swarm/secrets", e.counts},
	} {
		if err := part.read(ctx, sw); err != nil {
			gaps = append(gaps, gap(part.path, err, "look into the engine's log"))
		}
	}
	return apply, gaps
}

// listenAddress is known to the engine's own state file only.
func (e *Collector) listenAddress(root string) (string, error) {
	body, err := readLimited(e.host(root, "swarm", "docker-state.json"), maxConfig)
	if err != nil {
		return "", err
	}
	var st struct{ ListenAddr string }
	if err := json.Unmarshal(body, &st); err != nil {
		return "", err
	}
	return st.ListenAddr, nil
}

// clusterOf is the swarm that the node's own certificate is of, "" where it can't be read.
func (e *Collector) clusterOf(root string) string {
	body, err := readLimited(e.host(root, "swarm", "certificates", "swarm-node.crt"), maxConfig)
	if err != nil {
		return ""
	}
	block, _ := pem.Decode(body)
	if block == nil {
		return ""
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || len(cert.Subject.Organization) == 0 {
		return ""
	}
	return cert.Subject.Organization[0]
}

func (e *Collector) cluster(ctx context.Context, sw *model.Swarm) error {
	res, err := e.c.api.SwarmInspect(ctx, client.SwarmInspectOptions{})
	if err != nil {
		return err
	}
	c := res.Swarm
	sw.Autolock = c.Spec.EncryptionConfig.AutoLockManagers
	sw.CertExpiry = c.Spec.CAConfig.NodeCertExpiry
	sw.DataPathPort = int(c.DataPathPort)
	for _, p := range c.DefaultAddrPool {
		sw.DefaultPools = append(sw.DefaultPools, p.String())
	}
	slices.Sort(sw.DefaultPools)
	if n := c.Spec.Orchestration.TaskHistoryRetentionLimit; n != nil {
		sw.TaskHistory = int(*n)
	}
	sw.RootRotation = c.RootRotationInProgress
	sw.ExternalCA = len(c.Spec.CAConfig.ExternalCAs) > 0
	sw.RaftHeartbeats = c.Spec.Raft.HeartbeatTick
	return nil
}

// issued is when the newest certificate of the trust root was issued: while the CA is rotated there are two.
func issued(trustRoot string) (time.Time, error) {
	var newest time.Time
	for rest := []byte(trustRoot); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return time.Time{}, fmt.Errorf("%w: %w", errMalformed, err)
		}
		if cert.NotBefore.After(newest) {
			newest = cert.NotBefore.UTC()
		}
	}
	if newest.IsZero() {
		return newest, fmt.Errorf("%w: the trust root holds no certificate", errMalformed)
	}
	return newest, nil
}

func (e *Collector) nodes(ctx context.Context, sw *model.Swarm) error {
	res, err := e.c.api.NodeList(ctx, client.NodeListOptions{})
	if err != nil {
		return err
	}
	for _, n := range res.Items {
		one := model.SwarmNode{
			ID: n.ID, Name: n.Description.Hostname, Role: string(n.Spec.Role), State: string(n.Status.State),
			Availability: string(n.Spec.Availability), EngineVersion: n.Description.Engine.EngineVersion, Address: n.Status.Addr,
			Sensitivity: n.Spec.Labels[e.o.SensitivityLabel],
		}
		one.Labels, _ = e.o.Secrets.Map("label", n.Spec.Labels)
		if one.Sensitivity == "" {
			one.Sensitivity = n.Description.Engine.Labels[e.o.SensitivityLabel]
		}
		if n.ManagerStatus != nil {
			one.Reachability, one.Leader = string(n.ManagerStatus.Reachability), n.ManagerStatus.Leader
		}
		if n.Spec.Role == swarm.NodeRoleManager {
			sw.Managers++
			if one.Reachability == string(swarm.ReachabilityReachable) {
				sw.ManagersReachable++
			}
		} else {
			sw.Workers++
		}
		sw.Nodes = append(sw.Nodes, one)
	}
	slices.SortFunc(sw.Nodes, func(a, b model.SwarmNode) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
	return nil
}

// counts are of secrets and configurations; their contents are not asked for.
func (e *Collector) counts(ctx context.Context, sw *model.Swarm) error {
	secrets, err := e.c.api.SecretList(ctx, client.SecretListOptions{})
	if err != nil {
		return err
	}
	configs, err := e.c.api.ConfigList(ctx, client.ConfigListOptions{})
	if err != nil {
		return err
	}
	sw.Secrets, sw.Configs = len(secrets.Items), len(configs.Items)
	return nil
}
