package model

import "time"

// ObjectKind is a kind of things of which nodes have many. It is the part of the snapshot that they are in.
type ObjectKind string

// The kinds of objects.
const (
	ObjectContainer ObjectKind = "containers"
	ObjectImage     ObjectKind = "images"
	ObjectNetwork   ObjectKind = "networks"
)

// ObjectKinds are all.
func ObjectKinds() []ObjectKind { return []ObjectKind{ObjectContainer, ObjectImage, ObjectNetwork} }

// FleetObject is a container, an image or a network that a node has or had, as far as lists need it. Its fact has the rest.
type FleetObject struct {
	Kind     ObjectKind
	ID       string // in the node's facts
	Tenant   string
	Node     string
	NodeName string
	Name     string
	State    string // of a container
	Image    string // id of a container's image
	Created  time.Time
	First    time.Time // seen first, by the server's clock
	Changed  time.Time // its summary changed last
	Updated  time.Time // anything here changed last, also that it went
	Gone     time.Time // zero while it is there
	ObjectSummary
}

// ObjectSummary is what lists show beside names; fields that a kind does not have are empty. Texts and lists are cut to a bound.
type ObjectSummary struct {
	// Of containers.
	ImageRef     string    `json:"ref,omitempty"`
	Digest       string    `json:"digest,omitempty"` // of the manifest, where known
	Health       string    `json:"health,omitempty"`
	Orchestrated string    `json:"orchestrated,omitempty"`
	User         string    `json:"user,omitempty"` // effective
	Risks        []string  `json:"risks,omitempty"`
	Networks     []string  `json:"networks,omitempty"`
	Addresses    []string  `json:"addresses,omitempty"`
	Ports        []string  `json:"ports,omitempty"` // published, "0.0.0.0:80->8080/tcp"
	Started      time.Time `json:"started,omitzero"`
	Restarts     int       `json:"restarts,omitempty"`
	Memory       int64     `json:"memory,omitempty"` // limit in bytes, 0 for none
	// Of images.
	Tags      []string `json:"tags,omitempty"`
	Digests   []string `json:"digests,omitempty"`
	Size      int64    `json:"size,omitempty"`
	Platform  string   `json:"platform,omitempty"` // "linux/amd64"
	Signature string   `json:"signature,omitempty"`
	Signer    string   `json:"signer,omitempty"`
	Packages  int      `json:"packages,omitempty"` // -1 where there is no database of packages
	Dangling  bool     `json:"dangling,omitempty"`
	// Of images and networks: how many containers use it.
	Used int `json:"used,omitempty"`
	// Of networks.
	Driver     string   `json:"driver,omitempty"`
	Scope      string   `json:"scope,omitempty"`
	Subnets    []string `json:"subnets,omitempty"`
	Bridge     string   `json:"bridge,omitempty"`
	Internal   bool     `json:"internal,omitempty"`
	Encrypted  bool     `json:"encrypted,omitempty"`
	Attachable bool     `json:"attachable,omitempty"`
	IPv6       bool     `json:"ipv6,omitempty"`
	// Talk is whether containers on a bridge may talk to each other: "yes", "no", or "" where it is no bridge.
	Talk string `json:"talk,omitempty"`
}

// What a container has that makes it more dangerous than others.
const (
	RiskPrivileged   = "privileged"
	RiskEngineSocket = "engine_socket"
	RiskHostNetwork  = "host_network"
	RiskHostPID      = "host_pid"
	RiskHostIPC      = "host_ipc"
	RiskDevices      = "devices"
	RiskCapabilities = "capabilities"
	RiskUnconfined   = "unconfined" // no seccomp, no AppArmor, or kernel paths open
	RiskHostPaths    = "host_paths" // that can be written
	RiskRoot         = "root"
)
