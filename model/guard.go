package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// GuardSchema names the version of the guard's status file.
const GuardSchema = "bulkhead.guard/v1"

// EngineGuard is what sockets of the guard itself belong to.
const EngineGuard = "bulkhead-guard"

// GuardStatus is what a running guard of the container engine says of itself, in a file that root alone can write
// (/run/bulkhead/guard.json). It has no secrets.
type GuardStatus struct {
	Schema  string    `json:"schema"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	// Ticks is when the process began, in the kernel's ticks since the boot Boot: a later process with its number began at others.
	Ticks   uint64      `json:"ticks,omitempty"`
	Boot    string      `json:"boot,omitempty"`
	Mode    ControlMode `json:"mode"`
	Version string      `json:"version,omitempty"`
	// Engine is the path of the socket that it stands before, Socket that of its own, TLS the address of its TLS port; empty for none.
	Engine string `json:"engine"`
	Socket string `json:"socket,omitempty"`
	TLS    string `json:"tls,omitempty"`
	// Profile is what workloads may be: "baseline", "restricted", a custom one's name, or "none". Policies is the version in force.
	Profile  string `json:"profile,omitempty"`
	Policies int64  `json:"policies,omitempty"`
	// Before are processes of guards that this one took over from: they carry on what they had open.
	Before []int `json:"before,omitempty"`
}

// ParseGuardStatus reads a status file strictly. Whether its process runs, and who wrote it, is for whoever has the file.
func ParseGuardStatus(b []byte) (GuardStatus, error) {
	var s GuardStatus
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return GuardStatus{}, fmt.Errorf("not understood: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return GuardStatus{}, errors.New("more than one value")
	}
	switch {
	case s.Schema != GuardSchema:
		return GuardStatus{}, fmt.Errorf("schema %.80q; this version reads %s", s.Schema, GuardSchema)
	case s.PID <= 0:
		return GuardStatus{}, errors.New("no pid")
	case s.Mode != ModeObserve && s.Mode != ModeEnforce:
		return GuardStatus{}, fmt.Errorf("mode %.80q", s.Mode)
	case s.Engine == "":
		return GuardStatus{}, errors.New("no engine")
	}
	return s, nil
}

// Kinds of findings about the engine's own sockets, when they should be the guard's alone.
const (
	FindingSocketOpen    = "guard/socket-open"
	FindingSocketMounted = "guard/socket-mounted"
	FindingTCPListener   = "guard/tcp-listener"
	FindingDirectUse     = "guard/direct-use"
	FindingUnlocked      = "guard/unlocked"  // somebody gave the sockets their old rights back
	FindingLockFile      = "guard/lock-file" // what keeps the lock over a restart was changed
)
