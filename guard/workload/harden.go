package workload

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"

	"github.com/bulkhead-security/bulkhead/model"
)

// Wanted is what policy adds to a body. What is zero is left as it is.
type Wanted struct {
	NoNewPrivileges bool
	// DropCapabilities are dropped, also where they were asked for by name; "ALL" leaves those that were asked for by name.
	DropCapabilities []string
	// ReadOnlyRoot makes the root file system read-only, with memory of TmpfsBytes each (64 MiB where nothing is said) on Tmpfs (/tmp
	// and /run where none are named) so that programs still run.
	ReadOnlyRoot bool
	Tmpfs        []string
	TmpfsBytes   int64
	// MemoryBytes, PIDs and NanoCPUs are the most: no limit, and higher ones, become this.
	MemoryBytes, PIDs, NanoCPUs int64
	// Digest is the one that the image's name stood for when it was judged: sha256:….
	Digest string
}

const defaultTmpfs = 64 << 20

// Harden changes a body, *container.CreateRequest, *container.UpdateConfig or *swarm.ServiceSpec, and says in plain words what it changed. It takes away and
// never gives: nothing that was asked for becomes weaker. Another kind of body stays as it is.
func Harden(body any, w Wanted) []string {
	switch b := body.(type) {
	case *container.CreateRequest:
		if b == nil || b.Config == nil {
			return nil
		}
		if b.HostConfig == nil {
			b.HostConfig = &container.HostConfig{}
		}
		return hardenContainer(b, &w)
	case *container.UpdateConfig:
		if b == nil {
			return nil
		}
		return hardenUpdate(b, &w)
	case *swarm.ServiceSpec:
		if b == nil || b.TaskTemplate.ContainerSpec == nil {
			return nil
		}
		return hardenService(b, &w)
	}
	return nil
}

// changes are what was changed, in words.
type changes []string

func (c *changes) say(format string, args ...any) { *c = append(*c, fmt.Sprintf(format, args...)) }

func hardenContainer(b *container.CreateRequest, w *Wanted) []string {
	hc := b.HostConfig
	var c changes
	if w.NoNewPrivileges && !hasNoNewPrivileges(hc.SecurityOpt) {
		hc.SecurityOpt = append(slices.DeleteFunc(slices.Clone(hc.SecurityOpt), isNoNewPrivileges), noNewPrivileges)
		c.say("no-new-privileges is on: no program gains rights")
	}
	hc.CapAdd, hc.CapDrop = c.capabilities(hc.CapAdd, hc.CapDrop, w.DropCapabilities)
	if w.ReadOnlyRoot && !hc.ReadonlyRootfs {
		hc.ReadonlyRootfs = true
		c.say("the root file system is read-only")
	}
	if w.ReadOnlyRoot && hc.ReadonlyRootfs {
		c.tmpfs(b, w)
	}
	c.limit("memory", "bytes", &hc.Memory, w.MemoryBytes)
	if hc.Memory == w.MemoryBytes && w.MemoryBytes > 0 {
		hc.MemoryReservation = min(hc.MemoryReservation, hc.Memory)
		if hc.MemorySwap > 0 && hc.MemorySwap < hc.Memory {
			hc.MemorySwap = hc.Memory // the engine refuses less swap than memory
		}
	}
	c.limitPIDs(hc, w.PIDs)
	c.limitCPUs(hc, w.NanoCPUs)
	c.pin(&b.Config.Image, w.Digest)
	return c
}

// hardenUpdate keeps an update below the limits that a create would have been given. What a body does not name stays as it is.
func hardenUpdate(b *container.UpdateConfig, w *Wanted) []string {
	var c changes
	hc := &container.HostConfig{Resources: b.Resources}
	if b.Memory != 0 {
		c.limit("memory", "bytes", &hc.Memory, w.MemoryBytes)
	}
	if b.PidsLimit != nil {
		c.limitPIDs(hc, w.PIDs)
	}
	if b.NanoCPUs != 0 || b.CPUQuota != 0 || b.CPUPeriod != 0 {
		c.limitCPUs(hc, w.NanoCPUs)
	}
	b.Resources = hc.Resources
	return c
}

func isNoNewPrivileges(o string) bool {
	key, _, _ := strings.Cut(strings.Replace(o, ":", "=", 1), "=")
	return key == noNewPrivileges
}

// hasNoNewPrivileges reads the options as the engine does: the last one counts.
func hasNoNewPrivileges(options []string) bool {
	var w model.Workload
	securityOptions(&w, options, Defaults{})
	return w.NoNewPrivileges
}

// capabilities drops. Engines read "ALL" among those to be added before everything else, so that dropping "ALL" would do nothing;
// then each is dropped by name.
func (c *changes) capabilities(added, dropped, wanted []string) (add, drop []string) {
	add, drop = added, dropped
	have, asked := Capabilities(dropped), Capabilities(added)
	for _, one := range Capabilities(wanted) {
		if one != capAll && slices.Contains(asked, one) {
			add = slices.DeleteFunc(slices.Clone(add), func(a string) bool { return slices.Equal(Capabilities([]string{a}), []string{one}) })
			c.say("the capability %s is not added", one)
		}
		if slices.Contains(have, one) || slices.Contains(have, capAll) || one == capAll && slices.Contains(asked, capAll) {
			continue
		}
		drop = append(slices.Clone(drop), one)
		if one == capAll {
			c.say("all capabilities are dropped but for those that were asked for by name")
		} else {
			c.say("the capability %s is dropped", one)
		}
	}
	return add, drop
}

func (w *Wanted) tmpfsTargets() []string {
	if len(w.Tmpfs) == 0 {
		return []string{"/tmp", "/run"}
	}
	return w.Tmpfs
}

func (w *Wanted) tmpfsBytes() int64 {
	if w.TmpfsBytes <= 0 {
		return defaultTmpfs
	}
	return w.TmpfsBytes
}

func (c *changes) tmpfs(b *container.CreateRequest, w *Wanted) {
	taken := map[string]bool{}
	for _, spec := range b.HostConfig.Binds {
		if m, why := parseBind(spec, ""); why == "" {
			taken[path.Clean(m.Target)] = true
		}
	}
	for i := range b.HostConfig.Mounts {
		taken[path.Clean(b.HostConfig.Mounts[i].Target)] = true
	}
	for _, t := range append(names(b.HostConfig.Tmpfs), names(b.Config.Volumes)...) {
		taken[path.Clean(t)] = true
	}
	for _, t := range w.tmpfsTargets() {
		if taken[path.Clean(t)] {
			continue
		}
		if b.HostConfig.Tmpfs == nil {
			b.HostConfig.Tmpfs = map[string]string{}
		}
		b.HostConfig.Tmpfs[t] = fmt.Sprintf("rw,nosuid,nodev,noexec,size=%d,mode=1777", w.tmpfsBytes())
		c.say("%s is memory of %d bytes", t, w.tmpfsBytes())
	}
}

// limit lowers to the most, or sets it where there is none.
func (c *changes) limit(what, unit string, value *int64, most int64) {
	if most <= 0 || *value > 0 && *value <= most {
		return
	}
	*value = most
	c.say("%s", strings.TrimSpace(fmt.Sprintf("the limit of %s is %d %s", what, most, unit)))
}

func (c *changes) limitPIDs(hc *container.HostConfig, most int64) {
	if most <= 0 || hc.PidsLimit != nil && *hc.PidsLimit > 0 && *hc.PidsLimit <= most {
		return
	}
	hc.PidsLimit = &most
	c.say("the limit of processes is %d", most)
}

// limitCPUs leaves a quota that says less. Engines refuse a quota beside this limit.
func (c *changes) limitCPUs(hc *container.HostConfig, most int64) {
	asked := container.Resources{NanoCPUs: hc.NanoCPUs, CPUQuota: hc.CPUQuota, CPUPeriod: hc.CPUPeriod}
	if n := Limits(asked).NanoCPUs; most <= 0 || n > 0 && n <= most {
		return
	}
	hc.NanoCPUs, hc.CPUQuota, hc.CPUPeriod = most, 0, 0
	c.say("the limit of processors is %s", cpuText(most))
}

func cpuText(nano int64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.3f", float64(nano)/1e9), "0"), ".")
}

// pin makes the image the one that was judged, whatever its tag names by then.
func (c *changes) pin(image *string, digest string) {
	r := ParseImage(*image, "")
	if digest == "" || r.Digest != "" || r.Name == "" || strings.Contains(*image, "@") {
		return
	}
	// The tag would be dropped by the engine; without it there is one way to read the name.
	name := *image
	if r.Tag != "" {
		name = strings.TrimSuffix(name, ":"+r.Tag)
	}
	pinned := name + "@" + digest
	if p := ParseImage(pinned, ""); p.Digest != digest || p.Name != r.Name || p.Registry != r.Registry {
		return // no digest, or no name that one fits to
	}
	c.say("the image %s is %s", *image, pinned)
	*image = pinned
}

func hardenService(b *swarm.ServiceSpec, w *Wanted) []string {
	spec := b.TaskTemplate.ContainerSpec
	var c changes
	if w.NoNewPrivileges && (spec.Privileges == nil || !spec.Privileges.NoNewPrivileges) {
		if spec.Privileges == nil {
			spec.Privileges = &swarm.Privileges{}
		}
		spec.Privileges.NoNewPrivileges = true
		c.say("no-new-privileges is on: no program gains rights")
	}
	spec.CapabilityAdd, spec.CapabilityDrop = c.capabilities(spec.CapabilityAdd, spec.CapabilityDrop, w.DropCapabilities)
	if w.ReadOnlyRoot {
		c.serviceRoot(spec, w)
	}
	if w.MemoryBytes > 0 || w.PIDs > 0 || w.NanoCPUs > 0 {
		c.serviceLimits(&b.TaskTemplate, w)
	}
	c.pin(&spec.Image, w.Digest)
	return c
}

func (c *changes) serviceRoot(spec *swarm.ContainerSpec, w *Wanted) {
	if !spec.ReadOnly {
		spec.ReadOnly = true
		c.say("the root file system is read-only")
	}
	for _, t := range w.tmpfsTargets() {
		if slices.ContainsFunc(spec.Mounts, func(m mount.Mount) bool { return path.Clean(m.Target) == path.Clean(t) }) {
			continue
		}
		spec.Mounts = append(spec.Mounts, mount.Mount{
			Type: mount.TypeTmpfs, Target: t, TmpfsOptions: &mount.TmpfsOptions{SizeBytes: w.tmpfsBytes(), Mode: 0o1777},
		})
		c.say("%s is memory of %d bytes", t, w.tmpfsBytes())
	}
}

func (c *changes) serviceLimits(t *swarm.TaskSpec, w *Wanted) {
	if t.Resources == nil {
		t.Resources = &swarm.ResourceRequirements{}
	}
	if t.Resources.Limits == nil {
		t.Resources.Limits = &swarm.Limit{}
	}
	l := t.Resources.Limits
	c.limit("memory", "bytes", &l.MemoryBytes, w.MemoryBytes)
	c.limit("processes", "", &l.Pids, w.PIDs)
	before := l.NanoCPUs
	if w.NanoCPUs > 0 && (before <= 0 || before > w.NanoCPUs) {
		l.NanoCPUs = w.NanoCPUs
		c.say("the limit of processors is %s", cpuText(w.NanoCPUs))
	}
	if r := t.Resources.Reservations; r != nil {
		// More can't be reserved than may be used.
		if l.MemoryBytes > 0 {
			r.MemoryBytes = min(r.MemoryBytes, l.MemoryBytes)
		}
		if l.NanoCPUs > 0 {
			r.NanoCPUs = min(r.NanoCPUs, l.NanoCPUs)
		}
	}
}
