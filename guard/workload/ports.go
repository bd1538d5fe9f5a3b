package workload

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/bulkhead-security/bulkhead/model"
)

// Ports are the published ports. bad are places of the host that are no ports.
func Ports(bound network.PortMap) (list []model.PortMap, bad []string) {
	for port, bindings := range bound {
		for _, b := range bindings {
			p := model.PortMap{ContainerPort: int(port.Num()), Protocol: string(port.Proto())}
			if b.HostIP.IsValid() {
				p.HostIP = b.HostIP.String()
			}
			var ok bool
			if p.HostPort, p.HostPortEnd, ok = hostPorts(b.HostPort); !ok {
				bad = append(bad, b.HostPort)
			}
			list = append(list, p)
		}
	}
	slices.Sort(bad)
	SortPorts(list)
	return list, bad
}

// SortPorts orders by port, protocol and address.
func SortPorts(list []model.PortMap) {
	slices.SortFunc(list, func(a, b model.PortMap) int {
		return cmp.Or(cmp.Compare(a.ContainerPort, b.ContainerPort), strings.Compare(a.Protocol, b.Protocol),
			strings.Compare(a.HostIP, b.HostIP), cmp.Compare(a.HostPort, b.HostPort))
	})
}

// hostPorts reads "", "8080" or "8000-8010".
func hostPorts(text string) (from, to int, ok bool) {
	if text == "" {
		return 0, 0, true
	}
	first, last, isRange := strings.Cut(text, "-")
	from, ok = portNumber(first)
	if isRange && ok {
		if to, ok = portNumber(last); to < from {
			ok = false
		}
	}
	return from, to, ok
}

func portNumber(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 65535 {
		return 0, false
	}
	return n, true
}

func (r *Reader) ports(w *model.Workload, hc *container.HostConfig) {
	var bad []string
	w.Ports, bad = Ports(hc.PortBindings)
	for _, b := range bad {
		note(w, "/HostConfig/PortBindings", fmt.Sprintf("%q is no port of the host", b))
	}
	w.PublishAll = hc.PublishAllPorts
}
