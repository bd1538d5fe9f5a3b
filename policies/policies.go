// Package policies holds the Cedar schema of every door and the shipped policy sets, as readable files with their tests.
//
// It embeds them, and copies a profile for a custom one: identity/authz reads, checks and decides. Nothing here can be changed by an administrator; custom
// policies stand beside these and can't undo what guardrails.cedar forbids.
package policies

import "embed"

// Namespace of every type and action in the schema.
const Namespace = "Bulkhead"

// Schema is the Cedar schema.
//
//go:embed bulkhead.cedarschema
var Schema string

// Files are the shipped sets, NAME.cedar, and their example requests, NAME.test.yaml.
//
//go:embed *.cedar *.test.yaml
var Files embed.FS
