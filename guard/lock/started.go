package lock

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// started is when a process began: in ticks of this boot, which no change of the clock moves. Empty boot is unknown.
func started(pid int) (ticks uint64, boot string, err error) {
	b, err := readFile(procPath(pid, "stat"), mostProcFile)
	if err != nil {
		return 0, "", fmt.Errorf("its process %d has ended", pid)
	}
	if ticks, err = startTicks(b); err != nil {
		return 0, "", fmt.Errorf("its process %d: %w", pid, err)
	}
	id, err := readFile("/proc/sys/kernel/random/boot_id", mostProcFile)
	if err != nil {
		return 0, "", fmt.Errorf("this machine's boot: %w", err)
	}
	return ticks, strings.TrimSpace(string(id)), nil
}

// startTicks reads field 22 of /proc/PID/stat. The name, in parentheses, may hold anything.
func startTicks(stat []byte) (uint64, error) {
	i := bytes.LastIndexByte(stat, ')')
	const after = 19
	f := bytes.Fields(stat[i+1:])
	if i < 0 || len(f) <= after {
		return 0, errors.New("its start is not told")
	}
	n, err := strconv.ParseUint(string(f[after]), 10, 64)
	if err != nil || n == 0 {
		return 0, errors.New("its start is not told")
	}
	return n, nil
}
