package model

import "time"

// ControlMode says what a control of the product does.
type ControlMode string

// The modes of a control.
const (
	ModeObserve ControlMode = "observe"
	ModeEnforce ControlMode = "enforce"
)

// Names of controls. Each part of the product announces itself in a status file of its own
// (/run/bulkhead/controls/<name>.json); a control that does not announce itself is not running.
const (
	ControlDaemonGuard   = "daemon-guard"
	ControlRegistryGuard = "registry-guard"
	ControlAdmission     = "admission"
	ControlImageTrust    = "image-trust"
	ControlVulnerability = "vulnerability"
	ControlDrift         = "drift-prevention"
	ControlSensor        = "sensor"
	ControlFileIntegrity = "file-integrity"
	ControlLoginAudit    = "login-audit"
	ControlSegmentation  = "segmentation"
	ControlRateLimit     = "rate-limit"
	ControlEncryption    = "encryption"
	ControlPlacement     = "placement"
	ControlPlane         = "control-plane"
	ControlReplace       = "replace"
	ControlAgent         = "agent"
)

// Control is a part of the product that runs on the node, as its status file says and the collector verified.
type Control struct {
	Name    string      `json:"name"`
	Mode    ControlMode `json:"mode"`
	Version string      `json:"version,omitempty"`
	Since   time.Time   `json:"since,omitzero"`
	// PID of the process that was found alive. Scope says what it covers; empty means the whole node.
	PID   int      `json:"pid,omitempty"`
	Scope []string `json:"scope,omitempty"`
	// Facts are what the control says of itself, e.g. {"key":"default","value":"deny"}.
	Facts []KeyVal `json:"facts,omitempty"`
}
