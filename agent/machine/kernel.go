package machine

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// mostConfig bounds a kernel's configuration.
const mostConfig = 4 << 20

func (o *Options) path(elem ...string) string {
	return filepath.Join(append([]string{o.Root}, elem...)...)
}

// kernel looks for what parts that enforce need of it.
func (o *Options) kernel() []model.AgentPart {
	config, from := o.kernelConfig()
	out := []model.AgentPart{o.cgroup(), o.btf()}
	for _, k := range []struct {
		part, needs string
		options     []string
		paths       []string // any of these shows that it is there, whatever the configuration says
		caps        []string
		remedy      string
	}{
		{
			"fanotify", "CONFIG_FANOTIFY_ACCESS_PERMISSIONS and CAP_SYS_ADMIN",
			[]string{"CONFIG_FANOTIFY_ACCESS_PERMISSIONS"},
			nil,
			[]string{"CAP_SYS_ADMIN"},
			"a kernel with it; most distributions' have it",
		},
		{
			"nftables for bridges", "CONFIG_NF_TABLES_BRIDGE and CAP_NET_ADMIN",
			[]string{"CONFIG_NF_TABLES_BRIDGE"},
			nil,
			[]string{"CAP_NET_ADMIN"},
			"install the kernel's extra modules",
		},
		{
			"WireGuard", "CONFIG_WIREGUARD and CAP_NET_ADMIN",
			[]string{"CONFIG_WIREGUARD"},
			[]string{"sys/module/wireguard"},
			[]string{"CAP_NET_ADMIN"},
			"a kernel from 5.6 on, with its module",
		},
		{
			"IPsec", "CONFIG_XFRM_USER, CONFIG_INET_ESP and CAP_NET_ADMIN",
			[]string{"CONFIG_XFRM_USER", "CONFIG_INET_ESP"},
			[]string{"proc/net/xfrm_stat"},
			[]string{"CAP_NET_ADMIN"},
			"install the kernel's extra modules",
		},
	} {
		p := model.AgentPart{Part: k.part, Needs: k.needs}
		there, why := has(config, from, k.options)
		for _, path := range k.paths {
			if _, err := os.Stat(o.path(path)); err == nil {
				there, why = true, "/"+path+" is there"
			}
		}
		missing := o.can(k.caps...)
		switch {
		case !there:
			p.Detail, p.Remedy = why, k.remedy
		case len(missing) > 0:
			p.Detail, p.Remedy = why+", but this process lacks "+strings.Join(missing, ", "), "run as root, or give it in the unit: AmbientCapabilities="+strings.Join(missing, " ")
		default:
			p.Works, p.Detail = true, why
		}
		out = append(out, p)
	}
	return out
}

// has says whether the kernel was built with all options.
func has(config map[string]string, from string, options []string) (bool, string) {
	if config == nil {
		return false, "not known: the kernel's configuration is neither in /proc/config.gz nor in /boot"
	}
	for _, o := range options {
		if v := config[o]; v != "y" && v != "m" {
			return false, fmt.Sprintf("%s is not set in %s", o, from)
		}
	}
	return true, strings.Join(options, ", ") + " in " + from
}

// kernelConfig reads how the kernel was built; nil where that is not told.
func (o *Options) kernelConfig() (config map[string]string, from string) {
	release, err := os.ReadFile(o.path("proc/sys/kernel/osrelease"))
	if err != nil {
		release = nil
	}
	for _, name := range []string{"proc/config.gz", "boot/config-" + strings.TrimSpace(string(release))} {
		if config, err := readConfig(o.path(name)); err == nil && len(config) > 0 {
			return config, "/" + name
		}
	}
	return nil, ""
}

func readConfig(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, err
		}
		r = z
	}
	out := map[string]string{}
	s := bufio.NewScanner(io.LimitReader(r, mostConfig))
	for s.Scan() {
		if k, v, ok := strings.Cut(s.Text(), "="); ok && strings.HasPrefix(k, "CONFIG_") {
			out[k] = v
		}
	}
	return out, s.Err()
}

func (o *Options) cgroup() model.AgentPart {
	p := model.AgentPart{Part: "cgroups", Needs: "the unified hierarchy (cgroup v2) on /sys/fs/cgroup"}
	_, err := os.Stat(o.path("sys/fs/cgroup/cgroup.controllers"))
	if err == nil {
		p.Works, p.Detail = true, "cgroup v2"
		return p
	}
	p.Remedy = "boot with systemd.unified_cgroup_hierarchy=1"
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("it is not there: cgroup v1, or a hybrid of both")
	}
	return failed(p, err)
}

func (o *Options) btf() model.AgentPart {
	p := model.AgentPart{Part: "BPF", Needs: "type information (/sys/kernel/btf/vmlinux), CAP_BPF and CAP_PERFMON"}
	if _, err := os.Stat(o.path("sys/kernel/btf/vmlinux")); err != nil {
		p.Detail, p.Remedy = "the kernel has no type information (CONFIG_DEBUG_INFO_BTF)", "a kernel with it; most distributions' have it from 5.8 on"
		return p
	}
	if missing := o.can("CAP_BPF", "CAP_PERFMON"); len(missing) > 0 && len(o.can("CAP_SYS_ADMIN")) > 0 {
		p.Detail = "the kernel has type information, but this process lacks " + strings.Join(missing, ", ")
		p.Remedy = "run as root, or give it in the unit: AmbientCapabilities=" + strings.Join(missing, " ")
		return p
	}
	p.Works, p.Detail = true, "the kernel has type information"
	return p
}
