package model

import "time"

// Container is one container of the engine.
type Container struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	State    string    `json:"state"` // "running", "exited", "paused", "created", ...
	Created  time.Time `json:"created"`
	Started  time.Time `json:"started,omitzero"`
	Health   string    `json:"health,omitempty"` // "healthy", "unhealthy", "starting", ""
	PID      int       `json:"pid,omitempty"`    // init process as the host sees it
	Restarts int       `json:"restarts,omitempty"`
	Workload Workload  `json:"workload"`
	// Endpoints are the networks the container is attached to, with its addresses there.
	Endpoints []Endpoint `json:"endpoints,omitempty"`
	// Changes are files added or changed against the image; ChangesTotal counts all, also those over the limit.
	Changes      []FileChange `json:"changes,omitempty"`
	ChangesTotal int          `json:"changes_total,omitempty"`
	// Processes run in the container, as the engine tells.
	Processes []ContainerProcess `json:"processes,omitempty"`
	// Image identifies the entry of Snapshot.Images; Workload.Image.ID is the same.
	// Orchestrated is "swarm", "kubernetes", "compose" or "".
	Orchestrated string `json:"orchestrated,omitempty"`
	// Demo is true for containers that `make run` started as a demonstration.
	Demo bool `json:"demo,omitempty"`
	// Gaps are relative to this container, e.g. "/changes".
	Gaps []Gap `json:"gaps,omitempty"`
}

// Endpoint is a container's attachment to a network.
type Endpoint struct {
	Network string `json:"network"` // name
	ID      string `json:"id,omitempty"`
	IPv4    string `json:"ipv4,omitempty"`
	IPv6    string `json:"ipv6,omitempty"`
	MAC     string `json:"mac,omitempty"`
}

// FileChange is one file that differs from the container's image.
type FileChange struct {
	Path string `json:"path"`
	Kind string `json:"kind"` // "added", "changed", "deleted"
	// Executable is true for a regular file with an execute bit; PackageDB for the database of a package manager.
	Executable bool `json:"executable,omitempty"`
	PackageDB  bool `json:"package_db,omitempty"`
	// Examined is false when mode and type could not be read, so that Executable means nothing.
	Examined bool `json:"examined"`
}

// ContainerProcess is a process in a container. Command has secrets replaced by "[secret]".
type ContainerProcess struct {
	PID     int    `json:"pid"`
	User    string `json:"user,omitempty"`
	Command string `json:"command"`
}
