package host

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	controlDir   = "/run/bulkhead/controls"
	limitControl = 64 << 10
	// clockSlack allows for the kernel's coarse start times.
	clockSlack = 2 * time.Second
)

// controlNames are the controls that the product has.
var controlNames = []string{
	model.ControlDaemonGuard, model.ControlRegistryGuard, model.ControlAdmission, model.ControlImageTrust, model.ControlVulnerability,
	model.ControlDrift, model.ControlSensor, model.ControlFileIntegrity, model.ControlLoginAudit, model.ControlSegmentation,
	model.ControlRateLimit, model.ControlEncryption, model.ControlPlacement, model.ControlPlane, model.ControlReplace,
	model.ControlAgent,
}

// controlFile is the form of a status file. docs/controls.md describes it for those who write one:
//
//	{"name":"segmentation","mode":"enforce","version":"1.2.0","since":"2026-01-02T03:04:05Z","pid":4711,
//	 "scope":["bridge0"],"facts":[{"key":"default","value":"deny"}]}
type controlFile struct {
	Name    string            `json:"name"`
	Mode    model.ControlMode `json:"mode"`
	Version string            `json:"version"`
	Since   time.Time         `json:"since"`
	PID     int               `json:"pid"`
	Scope   []string          `json:"scope"`
	Facts   []model.KeyVal    `json:"facts"`
}

// Controls reads which of the product's own controls run. A status file counts only when nobody but root can have
// written it and the process that it names is alive and older than the file. Others are ignored, with a gap that says
// why; such a gap does not hide the controls that do run.
func (h *Host) Controls(context.Context) (func(*model.Snapshot), []model.Gap) {
	entries, err := h.list(controlDir)
	if err != nil {
		if missing(err) {
			return nil, nil // nothing of the product runs here
		}
		return nil, []model.Gap{gap("/controls", err)}
	}
	if err := h.trusted(controlDir); err != nil {
		return nil, []model.Gap{ignored("/controls", err)}
	}
	var list []model.Control
	var gaps []model.Gap
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok {
			continue
		}
		c, err := h.control(name)
		if err != nil {
			gaps = append(gaps, ignored("/controls/"+name, err))
			continue
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b model.Control) int { return cmp.Compare(a.Name, b.Name) })
	return func(s *model.Snapshot) { s.Controls = list }, gaps
}

func ignored(at string, err error) model.Gap {
	g := gap(at, err)
	g.Detail = "ignored: " + g.Detail
	return g
}

func (h *Host) control(name string) (model.Control, error) {
	file := path.Join(controlDir, name+".json")
	if err := h.trusted(file); err != nil {
		return model.Control{}, err
	}
	b, err := h.read(file, limitControl)
	if err != nil {
		return model.Control{}, err
	}
	c, err := parseControl(name, b)
	if err != nil {
		return model.Control{}, fmt.Errorf("%s: %w", file, err)
	}
	if err := h.lives(c.PID, file); err != nil {
		return model.Control{}, err
	}
	return c, nil
}

// trusted says whether only the owner of what is trusted can have written the file.
func (h *Host) trusted(name string) error {
	info, err := h.stat(name)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) != h.owner {
		return fmt.Errorf("%s does not belong to root: %w", name, errMalformed)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s is writable by others than root: %w", name, errMalformed)
	}
	return nil
}

// parseControl reads a status file strictly.
func parseControl(name string, b []byte) (model.Control, error) {
	var f controlFile
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return model.Control{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return model.Control{}, fmt.Errorf("more than one value: %w", errMalformed)
	}
	switch {
	case f.Name != name:
		return model.Control{}, fmt.Errorf("it names %q: %w", f.Name, errMalformed)
	case !slices.Contains(controlNames, f.Name):
		return model.Control{}, fmt.Errorf("no control is called so: %w", errMalformed)
	case f.Mode != model.ModeObserve && f.Mode != model.ModeEnforce:
		return model.Control{}, fmt.Errorf("mode %q: %w", f.Mode, errMalformed)
	case f.PID <= 0:
		return model.Control{}, fmt.Errorf("no pid: %w", errMalformed)
	}
	return model.Control(f), nil
}

// lives says whether the process exists and had started when the file was written: a process that started later has
// only inherited the number.
func (h *Host) lives(pid int, file string) error {
	info, err := h.stat(file)
	if err != nil {
		return err
	}
	b, err := h.read("/proc/"+strconv.Itoa(pid)+"/stat", limitValue)
	if err != nil {
		if missing(err) {
			return fmt.Errorf("%s: its process %d does not run: %w", file, pid, err)
		}
		return err
	}
	started, err := startTime(b, h.bootTime())
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	if started.After(info.ModTime().Add(clockSlack)) {
		return fmt.Errorf("%s: process %d started after the file was written, so it is another one: %w", file, pid, errMalformed)
	}
	return nil
}

// began says whether a process is the one that began at these ticks of this boot. A file that has none says it by its own time.
func (h *Host) began(pid int, ticks uint64, boot, file string) error {
	if ticks == 0 || boot == "" {
		return h.lives(pid, file)
	}
	b, err := h.read("/proc/"+strconv.Itoa(pid)+"/stat", limitValue)
	if err != nil {
		if missing(err) {
			return fmt.Errorf("%s: its process %d does not run: %w", file, pid, err)
		}
		return err
	}
	id, err := h.read("/proc/sys/kernel/random/boot_id", limitValue)
	if err != nil {
		return err
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:])) // the name, in parentheses, may hold anything
	if len(fields) < 20 || fields[19] != strconv.FormatUint(ticks, 10) || strings.TrimSpace(string(id)) != boot {
		return fmt.Errorf("%s: process %d started after the file was written, so it is another one: %w", file, pid, errMalformed)
	}
	return nil
}

// startTime reads the start from /proc/PID/stat: field 22, in hundredths of a second since boot.
func startTime(stat []byte, boot time.Time) (time.Time, error) {
	// The name, in parentheses, may hold anything.
	i := bytes.LastIndexByte(stat, ')')
	fields := strings.Fields(string(stat[i+1:]))
	if i < 0 || len(fields) < 20 || boot.IsZero() {
		return time.Time{}, fmt.Errorf("start time: %w", errMalformed)
	}
	ticks, err := strconv.ParseInt(fields[19], 10, 64)
	if err != nil || ticks < 0 || ticks > 1<<40 {
		return time.Time{}, fmt.Errorf("start time: %w", errMalformed)
	}
	return boot.Add(time.Duration(ticks) * (time.Second / 100)), nil
}
