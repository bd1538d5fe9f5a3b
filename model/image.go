package model

import "time"

// Image is one image of the engine.
type Image struct {
	ID           string            `json:"id"`
	Tags         []string          `json:"tags,omitempty"`
	Digests      []string          `json:"digests,omitempty"` // name@sha256:... from registries
	Created      time.Time         `json:"created,omitzero"`
	Size         int64             `json:"size"`
	OS           string            `json:"os,omitempty"`
	Architecture string            `json:"architecture,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"` // secrets replaced by "[secret]"
	User         string            `json:"user,omitempty"`
	Entrypoint   []string          `json:"entrypoint,omitempty"`
	Cmd          []string          `json:"cmd,omitempty"`
	ExposedPorts []string          `json:"exposed_ports,omitempty"`
	Healthcheck  bool              `json:"healthcheck"`
	EnvNames     []string          `json:"env_names,omitempty"`
	History      []HistoryEntry    `json:"history,omitempty"`
	Layers       []string          `json:"layers,omitempty"` // diff ids
	// UsedBy are ids of containers, running or not.
	UsedBy []string `json:"used_by,omitempty"`
	// Dangling is true for an image without tag and digest.
	Dangling bool `json:"dangling,omitempty"`
	// Contents is what is inside; nil when it was not looked at (a gap says why).
	Contents *ImageContents   `json:"contents,omitempty"`
	Secrets  []SecretSighting `json:"secrets,omitempty"`
	// Signature is "verified", "invalid", "unsigned" or "unknown"; Signer is who, when verified.
	Signature string `json:"signature"`
	Signer    string `json:"signer,omitempty"`
	// Purpose is the declared purpose (label io.bulkhead.purpose or org.opencontainers.image.title), if any.
	Purpose string `json:"purpose,omitempty"`
	Gaps    []Gap  `json:"gaps,omitempty"` // relative to this image
}

// HistoryEntry is one build step. CreatedBy has secrets replaced by "[secret]".
type HistoryEntry struct {
	CreatedBy string    `json:"created_by,omitempty"`
	Created   time.Time `json:"created,omitzero"`
	Size      int64     `json:"size,omitempty"`
	Comment   string    `json:"comment,omitempty"`
}

// ImageContents is the inside of an image as far as it was examined.
type ImageContents struct {
	Files int `json:"files"`
	// Setuid are paths of setuid or setgid files.
	Setuid []string `json:"setuid,omitempty"`
	// Tools are programs that do not belong into an application's image.
	Tools []ImageTool `json:"tools,omitempty"`
	// WorldWritable are files (not directories with the sticky bit) that anyone may write.
	WorldWritable []string  `json:"world_writable,omitempty"`
	OS            OSRelease `json:"os"`
	// Packages counts packages in the image's package database; -1 when there is no database.
	Packages int `json:"packages"`
}

// ImageTool is a program of a class that has no place in an application's image.
type ImageTool struct {
	Class string `json:"class"` // "remote-login", "package-manager", "compiler", "network-tool", "container-client"
	Path  string `json:"path"`
}
