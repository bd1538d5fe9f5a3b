package docker

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/model"
)

// Engine reads the engine itself.
func (e *Collector) Engine(ctx context.Context) (func(*model.Snapshot), []model.Gap) {
	info, err := e.info(ctx)
	if err != nil {
		return nil, []model.Gap{gap("/engine", err, "look into the engine's log")}
	}
	eng := &model.Engine{Product: e.c.product, Version: info.ServerVersion, APIVersion: e.c.api.ClientVersion(), Endpoint: e.c.endpoint}
	var gaps []model.Gap
	version, err := e.c.api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		gaps = append(gaps, gap("/engine/components", err, "look into the engine's log"))
	} else {
		eng.APIVersion = version.APIVersion
	}
	d := e.daemon(ctx)
	s, more := e.readSettings(d)
	gaps = append(gaps, more...)
	fromInfo(eng, info)
	for _, c := range version.Components {
		if e.podman() {
			eng.Components = append(eng.Components, e.podmanComponent(d, c, info))
			continue
		}
		eng.Components = append(eng.Components, model.Component{Name: c.Name, Version: c.Version, Commit: c.Details["GitCommit"], Path: e.componentPath(d, c.Name, info)})
	}
	slices.SortFunc(eng.Components, func(a, b model.Component) int { return strings.Compare(a.Name, b.Name) })
	eng.Config = model.EngineConfig{File: s.file, CommandLine: e.commandLine(d), Settings: e.listed(s), Environment: d.environment()}
	gaps = append(gaps, e.effective(ctx, eng, s)...)
	eng.ContentTrust = e.contentTrust(s, d)
	e.storage(eng, d)
	sockets, more := e.sockets(s, d, info)
	eng.Sockets = sockets
	gaps = append(gaps, more...)
	eng.TCP = e.listeners(s, d)
	return func(snap *model.Snapshot) { snap.Engine = eng }, gaps
}

// fromInfo takes over what the engine tells of itself.
func fromInfo(eng *model.Engine, i system.Info) {
	eng.RootDir, eng.StorageDriver = i.DockerRootDir, i.Driver
	eng.ImageStore = "graphdriver"
	for _, kv := range i.DriverStatus {
		eng.StorageStatus = append(eng.StorageStatus, model.KeyVal{Key: kv[0], Value: kv[1]})
		if kv[0] == "driver-type" && strings.HasPrefix(kv[1], "io.containerd.snapshotter") {
			eng.ImageStore = "containerd"
		}
	}
	eng.LoggingDriver, eng.CgroupDriver, eng.CgroupVersion = i.LoggingDriver, i.CgroupDriver, i.CgroupVersion
	eng.DefaultRuntime, eng.LiveRestore, eng.Experimental = i.DefaultRuntime, i.LiveRestoreEnabled, i.ExperimentalBuild
	for name := range i.Runtimes {
		eng.Runtimes = append(eng.Runtimes, name)
	}
	slices.Sort(eng.Runtimes)
	for _, o := range i.SecurityOptions {
		name, profile := workload.EngineOption(o)
		eng.SecurityOptions = append(eng.SecurityOptions, name)
		switch name {
		case "seccomp":
			eng.SeccompProfile = profile
		case "userns":
			eng.UserNamespaces = true
		case "rootless":
			eng.Rootless = true
		case "no-new-privileges":
			eng.NoNewPrivileges = true
		}
	}
	slices.Sort(eng.SecurityOptions)
	for kind, names := range map[string][]string{
		"volume": i.Plugins.Volume, "network": i.Plugins.Network,
		"authorization": i.Plugins.Authorization, "log": i.Plugins.Log,
	} {
		for _, n := range names {
			eng.Plugins = append(eng.Plugins, kind+"/"+n)
		}
	}
	slices.Sort(eng.Plugins)
	eng.AuthorizationPlugins = slices.Sorted(slices.Values(i.Plugins.Authorization))
	if r := i.RegistryConfig; r != nil {
		for _, p := range r.InsecureRegistryCIDRs {
			eng.InsecureRegistries = append(eng.InsecureRegistries, p.String())
		}
		for name, x := range r.IndexConfigs {
			if x != nil && !x.Secure {
				eng.InsecureRegistries = append(eng.InsecureRegistries, name)
			}
		}
		slices.Sort(eng.InsecureRegistries)
		eng.RegistryMirrors = slices.Sorted(slices.Values(r.Mirrors))
	}
	eng.Warnings = slices.Clone(i.Warnings)
	eng.ContainersRunning, eng.ContainersTotal, eng.ImagesTotal = i.ContainersRunning, i.Containers, i.Images
}

// effective joins what the engine tells with its configuration and its defaults.
func (e *Collector) effective(ctx context.Context, eng *model.Engine, s settings) []model.Gap {
	eng.LogOptions = s.below("log-opts")
	for i, o := range eng.LogOptions {
		m, _ := e.o.Secrets.Map("log-opt", map[string]string{o.Key: o.Value})
		eng.LogOptions[i].Value = m[o.Key]
	}
	for _, u := range s.below("default-ulimits") {
		eng.DefaultUlimits = append(eng.DefaultUlimits, u.Key+"="+u.Value)
	}
	eng.CgroupParent = s.values["cgroup-parent"].value
	if e.podman() {
		return e.podmanGaps(eng, e.daemon(ctx))
	}
	eng.ICC = s.flag("icc", true)
	if eng.ICC == nil {
		eng.ICC = e.bridgeICC(ctx)
	}
	eng.IPTables, eng.UserlandProxy = s.flag("iptables", true), s.flag("userland-proxy", true)
	if on := s.flag("no-new-privileges", false); on != nil && *on {
		eng.NoNewPrivileges = true
	}
	eng.LogLevel, _ = s.text("log-level", "info")
	if d := s.flag("debug", false); d != nil && *d {
		eng.LogLevel = "debug"
	}
	if !s.complete && s.values["log-level"].value == "" {
		eng.LogLevel = ""
	}
	if s.complete {
		return nil
	}
	var gaps []model.Gap
	for path, unknown := range map[string]bool{
		"/engine/icc": eng.ICC == nil, "/engine/iptables": eng.IPTables == nil, "/engine/userland_proxy": eng.UserlandProxy == nil,
		"/engine/no_new_privileges": !eng.NoNewPrivileges, "/engine/log_level": eng.LogLevel == "", "/engine/default_ulimits": true,
		"/engine/tcp": true, "/engine/log_options": true, "/engine/cgroup_parent": true,
	} {
		if unknown {
			gaps = append(gaps, model.Gap{
				Path: path, Reason: model.GapPermission, Remedy: "run as root on the engine's host",
				Detail: "the engine's configuration or command line could not be read",
			})
		}
	}
	slices.SortFunc(gaps, func(a, b model.Gap) int { return strings.Compare(a.Path, b.Path) })
	return gaps
}

// bridgeICC asks the default bridge, which everybody who may use the engine can.
func (e *Collector) bridgeICC(ctx context.Context) *bool {
	res, err := e.c.api.NetworkInspect(ctx, "bridge", client.NetworkInspectOptions{})
	if err != nil || res.Network.Driver != "bridge" {
		return nil
	}
	on := res.Network.Options["com.docker.network.bridge.enable_icc"] != "false"
	return &on
}

func (e *Collector) componentPath(d daemon, name string, i system.Info) string {
	switch name {
	case "Engine":
		return d.exe
	case "containerd":
		return d.containerd
	case "runc":
		path := i.Runtimes["runc"].Path
		if path == "" {
			path = "runc"
		}
		return e.which(d, path)
	case "docker-init":
		return e.which(d, i.InitBinary)
	}
	return ""
}

// contentTrust is true when clients on this host verify signatures, or the engine does.
func (e *Collector) contentTrust(s settings, d daemon) bool {
	if e.podman() {
		return d.local && e.podmanTrust()
	}
	if mode := s.values["content-trust.mode"].value; mode == "enforced" {
		return true
	}
	getenv := e.o.Getenv
	if getenv == nil {
		getenv = os.Getenv
	}
	if getenv("DOCKER_CONTENT_TRUST") == "1" {
		return true
	}
	if !d.local {
		return false
	}
	body, err := readLimited(e.host("/etc/environment"), maxConfig)
	if err != nil {
		return false
	}
	for lines := bufio.NewScanner(strings.NewReader(string(body))); lines.Scan(); {
		line := strings.TrimPrefix(strings.TrimSpace(lines.Text()), "export ")
		if k, v, _ := strings.Cut(line, "="); k == "DOCKER_CONTENT_TRUST" && strings.Trim(v, `"'`) == "1" {
			return true
		}
	}
	return false
}

// storage looks at the file system that the engine's data lies on. Devices are compared, not mounts: the engine mounts
// its directory onto itself.
func (e *Collector) storage(eng *model.Engine, d daemon) {
	if !d.local || !filepath.IsAbs(eng.RootDir) {
		return
	}
	var dir, parent unix.Stat_t
	path := e.host(eng.RootDir)
	if unix.Stat(path, &dir) == nil && unix.Stat(filepath.Dir(path), &parent) == nil {
		own := dir.Dev != parent.Dev
		eng.RootDirOwnMount = &own
	}
}
