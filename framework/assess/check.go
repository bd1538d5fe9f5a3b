// Package assess turns a Snapshot and Settings into the status of every requirement of X.1643 clause 8.
//
// It is pure: no clock, no files, no network. "Now" is the moment at which the snapshot was taken, so that a saved
// snapshot gives the same answer anywhere. It may import model, framework/catalogue and pure libraries. One file holds
// the checks of one group of requirements (8_1_runtime.go ...); what a check needs to know is told beside its code.
package assess

import (
	"github.com/bulkhead-security/bulkhead/model"
)

// Check is one question asked of a snapshot.
type Check struct {
	// ID is the requirement's id, a slash, and a name that is unique within it: "8.1.c/socket-mode".
	ID          string
	Title       model.Text
	Severity    model.Severity
	Essential   bool
	References  []string // "CIS Docker 3.15", "CIS Kubernetes 5.1.1", "NIST SP 800-190 4.4.2", "docker-bench 5.31"
	Remediation model.Text
	// Eval records the evidence. It records at least one piece, or calls NotApplicable.
	Eval func(in *Input, r *Recorder)
}

// Input is what checks see.
type Input struct {
	Snap     *model.Snapshot
	Settings *Settings

	// What many checks ask for is found once.
	own, all   []placed // workloads, without and with those of the system
	registries []hosted
}

// Gap returns the gap that covers the JSON pointer: the gap's path is the pointer itself or a parent of it.
func (in *Input) Gap(pointer string) (model.Gap, bool) {
	return findGap(in.Snap.Gaps, pointer)
}

// Control returns the running control with the name.
func (in *Input) Control(name string) (model.Control, int, bool) {
	for i, c := range in.Snap.Controls {
		if c.Name == name {
			return c, i, true
		}
	}
	return model.Control{}, 0, false
}

func findGap(gaps []model.Gap, pointer string) (model.Gap, bool) {
	for _, g := range gaps {
		if covers(g.Path, pointer) {
			return g, true
		}
	}
	return model.Gap{}, false
}

func covers(path, pointer string) bool {
	if path == "" || path == "/" {
		return true
	}
	if len(pointer) < len(path) || pointer[:len(path)] != path {
		return false
	}
	return len(pointer) == len(path) || pointer[len(path)] == '/'
}
