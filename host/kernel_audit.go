package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// askKernelAudit asks the kernel's audit system for its status, as auditctl -s does.
func askKernelAudit() (bool, error) {
	conn, err := netlink.Dial(unix.NETLINK_AUDIT, nil)
	if err != nil {
		return false, fmt.Errorf("kernel audit: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false, fmt.Errorf("kernel audit: %w", err)
	}
	_, err = conn.Send(netlink.Message{Header: netlink.Header{Type: unix.AUDIT_GET, Flags: netlink.Request | netlink.Acknowledge}})
	if err != nil {
		return false, fmt.Errorf("kernel audit: %w", err)
	}
	for range 4 {
		messages, err := conn.Receive()
		if err != nil {
			return false, fmt.Errorf("kernel audit: %w", err)
		}
		for _, m := range messages {
			if m.Header.Type == unix.AUDIT_GET {
				return parseAuditStatus(m.Data)
			}
		}
	}
	return false, errors.New("kernel audit: no status in the answer")
}

// parseAuditStatus reads struct audit_status: a mask, then "enabled", both 32 bits in the machine's order.
func parseAuditStatus(b []byte) (bool, error) {
	if len(b) < 8 {
		return false, fmt.Errorf("kernel audit: status of %d bytes: %w", len(b), errMalformed)
	}
	return binary.NativeEndian.Uint32(b[4:]) != 0, nil
}

// processesNamed lists the processes of the host with one of the names.
func (h *Host) processesNamed(names ...string) []int {
	pids, err := h.pids()
	if err != nil {
		return nil
	}
	var found []int
	for _, pid := range pids {
		dir := "/proc/" + strconv.Itoa(pid)
		comm := h.value(dir + "/comm")
		for _, name := range names {
			// The kernel keeps 15 bytes of a name.
			if comm == name[:min(15, len(name))] && !h.inContainer(dir) {
				found = append(found, pid)
			}
		}
	}
	return found
}

func (h *Host) inContainer(dir string) bool {
	b, err := h.read(dir+"/cgroup", limitValue)
	if err != nil {
		return false
	}
	container, _ := parseCgroup(b)
	return container != ""
}
