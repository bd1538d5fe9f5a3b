package assess

import (
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// hostChecks answer for clause 8.4: the host's operating system and the rights of containers on it.
func hostChecks() []Check {
	return slices.Concat(
		minimalChecks(),   // 8.4.a: what is installed, runs and listens
		kernelChecks(),    // 8.4.a: what the kernel and the hardware keep closed
		engineCutChecks(), // 8.4.a: what the engine has switched on
		mixedChecks(),     // 8.4.b
		versionChecks(),   // 8.4.c
		bootChecks(),      // 8.4.c
		authChecks(),      // 8.4.d
		sshdChecks(),      // 8.4.d
		rightsChecks(),    // 8.4.e: rights of each workload
		isolationChecks(), // 8.4.e: what separates each workload from the host
		defaultChecks(),   // 8.4.e: what the engine gives without being asked
		fileChecks(),      // 8.4.e: who may change the host's files
		auditChecks(),     // 8.4.e: who is seen changing them
	)
}

// hostAt returns the host, or records why the fact at the pointer cannot be judged.
func hostAt(in *Input, r *Recorder, ptr string) *model.Host {
	if r.Missing(in, ptr) {
		return nil
	}
	if in.Snap.Host == nil {
		r.NotApplicable("/host", say("the snapshot holds no host", "快照中没有主机数据"))
	}
	return in.Snap.Host
}

// hostSeen is hostAt for lists that may have been read in part: it returns the host also where there is a gap, since
// what was seen can fail; whole is false then, since what was not seen cannot pass.
func hostSeen(in *Input, r *Recorder, ptr string) (h *model.Host, whole bool) {
	if r.Missing(in, ptr) {
		return in.Snap.Host, false
	}
	h = hostAt(in, r, ptr)
	return h, h != nil
}

// engineAt returns the engine, or records why the fact at the pointer cannot be judged.
func engineAt(in *Input, r *Recorder, ptr string) *model.Engine {
	if noEngine(in, r) || r.Missing(in, ptr) {
		return nil
	}
	return in.Snap.Engine
}

// setting returns the value of the key.
func setting(list []model.KeyVal, key string) (string, int, bool) {
	for i, kv := range list {
		if kv.Key == key {
			return kv.Value, i, true
		}
	}
	return "", -1, false
}

// within says whether the path is the directory or lies below it.
func within(dir, p string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

// virtual says whether the host is a virtual machine or a container, whose hardware belongs to somebody else.
func virtual(h *model.Host) bool {
	return h.Virtualization != "" && h.Virtualization != "none"
}
