package workload

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"

	"github.com/bulkhead-security/bulkhead/detect/imageref"
	"github.com/bulkhead-security/bulkhead/model"
)

// Capabilities normalises names: "net_admin" and "CAP_NET_ADMIN" are the same, "cap_all" is "ALL".
func Capabilities(list []string) []string {
	var out []string
	for _, c := range list {
		c = strings.ToUpper(c)
		if c == "CAP_ALL" {
			c = capAll
		}
		if c != capAll && !strings.HasPrefix(c, "CAP_") {
			c = "CAP_" + c
		}
		out = append(out, c)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

const capAll = "ALL"

// defaultCapabilities are what the engine gives every container.
func defaultCapabilities() []string {
	return []string{
		"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD", "CAP_NET_BIND_SERVICE",
		"CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
	}
}

// KeyVals are settings in the order of their names.
func KeyVals(m map[string]string) []model.KeyVal {
	var list []model.KeyVal
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, model.KeyVal{Key: k, Value: m[k]})
	}
	return list
}

// HasHealthcheck tells whether there is one.
func HasHealthcheck(h *container.HealthConfig) bool {
	return h != nil && len(h.Test) > 0 && h.Test[0] != "NONE"
}

// ParseImage reads a reference; id is that of the image that it was resolved to.
func ParseImage(ref, id string) model.ImageRef {
	r := imageref.Parse(ref)
	if id != "" || r.Kind != model.RefImageID {
		r.ID = id
	}
	return r
}

// Limits are the resources that a container may use.
func Limits(r container.Resources) model.Limits {
	l := model.Limits{
		MemoryBytes: r.Memory, MemorySwap: r.MemorySwap, NanoCPUs: r.NanoCPUs, CPUShares: r.CPUShares, CPUSet: r.CpusetCpus,
		OOMDisabled: r.OomKillDisable != nil && *r.OomKillDisable,
		Realtime:    r.CPURealtimeRuntime != 0 || r.CPURealtimePeriod != 0,
	}
	if l.NanoCPUs == 0 && r.CPUQuota > 0 {
		period := r.CPUPeriod
		if period <= 0 {
			period = 100_000
		}
		l.NanoCPUs = int64(float64(r.CPUQuota) / float64(period) * 1e9)
	}
	if l.NanoCPUs == 0 {
		l.NanoCPUs = int64(CPUs(r.CpusetCpus)) * 1e9
	}
	if r.PidsLimit != nil && *r.PidsLimit > 0 {
		l.PIDs = *r.PidsLimit
	}
	l.Ulimits = Ulimits(r.Ulimits)
	return l
}

// Ulimits are NAME=SOFT:HARD, sorted.
func Ulimits(list []*container.Ulimit) []string {
	var out []string
	for _, u := range list {
		if u != nil {
			out = append(out, fmt.Sprintf("%s=%d:%d", u.Name, u.Soft, u.Hard))
		}
	}
	slices.Sort(out)
	return out
}

// CPUs counts the processors of a list such as "0-2,7"; a list that is not understood counts none.
func CPUs(set string) int {
	n := 0
	for _, part := range strings.Split(set, ",") {
		from, to, isRange := strings.Cut(part, "-")
		a, err := strconv.Atoi(from)
		b := a
		if err == nil && isRange {
			b, err = strconv.Atoi(to)
		}
		if err != nil || a < 0 || b < a || b > 1<<16 {
			return 0
		}
		n += b - a + 1
	}
	return n
}

// Devices are those of the host that a container gets, by path and by request.
func Devices(r container.Resources) []model.Device {
	var list []model.Device
	for _, d := range r.Devices {
		list = append(list, model.Device{Host: d.PathOnHost, Container: d.PathInContainer, Permissions: d.CgroupPermissions})
	}
	slices.SortFunc(list, func(a, b model.Device) int { return strings.Compare(a.Host+a.Container, b.Host+b.Container) })
	for _, q := range r.DeviceRequests {
		parts := []string{q.Driver}
		for _, c := range q.Capabilities {
			parts = append(parts, strings.Join(c, "+"))
		}
		parts = append(parts, q.DeviceIDs...)
		if q.Count != 0 {
			parts = append(parts, "count="+strconv.Itoa(q.Count))
		}
		parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
		if len(parts) == 0 {
			parts = []string{"any"}
		}
		list = append(list, model.Device{Request: strings.Join(parts, ",")})
	}
	return list
}

// IsRoot tells whether a user as it is configured ("", "0", "root", "1000:1000") is uid 0. known is false for a name that only the
// image's own passwd tells.
func IsRoot(user string) (root, known bool) {
	name, _, _ := strings.Cut(user, ":")
	if name == "" || name == "root" {
		return true, true
	}
	// The engine reads numbers in this way: "00" and "+0" are 0 as well.
	if uid, err := strconv.Atoi(name); err == nil {
		return uid <= 0 || uid > 1<<31-1, true // what is no uid is left to nobody's guess
	}
	return false, false
}

func sortStrings(s []string) { slices.Sort(s) }

// names are the keys of a map, sorted.
func names[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}
