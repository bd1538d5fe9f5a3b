package store

import (
	"context"

	"github.com/uptrace/bun"
)

// schema3 adds the fleet: nodes and how they join, their facts, findings and events, and what they take.
func schema3(ctx context.Context, tx bun.Tx, kind string) error {
	if err := run(ctx, tx, kind, append(nodeTables3(), fleetTables3()...)...); err != nil {
		return err
	}
	return run(ctx, tx, kind, `INSERT INTO counters (name, value) VALUES ('bundles', 0)`)
}

func nodeTables3() []string {
	return []string{
		`CREATE TABLE nodes (
			id {text} PRIMARY KEY, tenant {text} REFERENCES tenants (id), name {text}, machine {text}, pool {text}, labels {text},
			sensitivity {text}, cordoned {int}, drained {int}, key_hash {bytes}, serial {text}, previous {text},
			certificate_ends {int}, joined {int}, revoked {int}, revoked_reason {text}, health {text}, health_since {int},
			health_reason {text}, flapping {int}, last_seen {int}, agent_version {text}, addresses {text}, run {text},
			policies {int}, settings {int}, assignment {int}, spooled {int}, dropped {int}, facts_digest {text},
			facts_taken {int}, facts_received {int}, assessed {text}, assessed_at {int}, log_key {text}, version {int},
			UNIQUE (tenant, name)) {end}`,
		`CREATE INDEX nodes_by_pool ON nodes (tenant, pool, name)`,
		`CREATE INDEX nodes_by_name ON nodes (name, id)`,
		`CREATE INDEX nodes_by_health ON nodes (health, last_seen)`,
		// Keys of all nodes there ever were: a captured CSR is of no use, also after its node was removed.
		`CREATE TABLE node_keys (hash {bytes} PRIMARY KEY, node {text}, created {int}) {end}`,

		`CREATE TABLE join_tokens (
			id {text} PRIMARY KEY, tenant {text} REFERENCES tenants (id) ON DELETE CASCADE, name {text}, secret_hash {bytes} UNIQUE,
			pool {text}, labels {text}, sensitivity {text}, replaces {text}, creator {text}, created {int}, expires {int},
			used {int}, used_by {text}, revoked {int}) {end}`,
		`CREATE INDEX join_tokens_by_time ON join_tokens (tenant, created, id)`,

		`CREATE TABLE facts (
			node {text} REFERENCES nodes (id) ON DELETE CASCADE, name {text}, digest {text}, data {bytes}, PRIMARY KEY (node, name)) {end}`,

		`CREATE TABLE findings (
			id {text}, tenant {text} REFERENCES tenants (id) ON DELETE CASCADE, node {text} REFERENCES nodes (id) ON DELETE CASCADE,
			node_name {text}, kind {text}, requirement {text}, severity {text}, subject {text}, message {text}, message_zh {text},
			first_seen {int}, last_seen {int}, ended {int}, seen {int}, source {text}, exception {text}, PRIMARY KEY (node, id)) {end}`,
		`CREATE INDEX findings_by_time ON findings (last_seen, node, id)`,
		`CREATE INDEX findings_by_tenant ON findings (tenant, last_seen, node, id)`,

		`CREATE TABLE events (
			id {text} PRIMARY KEY, tenant {text} REFERENCES tenants (id) ON DELETE CASCADE, node {text}, node_name {text}, time {int},
			kind {text}, severity {text}, requirement {text}, before_value {text}, after_value {text}, message {text}, message_zh {text}) {end}`,
		`CREATE INDEX events_by_time ON events (time, id)`,
		`CREATE INDEX events_by_tenant ON events (tenant, time, id)`,
		`CREATE INDEX events_by_node ON events (node, time, id)`,
	}
}

func fleetTables3() []string {
	return []string{
		`CREATE TABLE exceptions (
			id {text} PRIMARY KEY, tenant {text} REFERENCES tenants (id) ON DELETE CASCADE, node {text}, check_id {text},
			subject {text}, owner {text}, reason {text}, expires {text}, creator {text}, created {int}) {end}`,
		`CREATE INDEX exceptions_by_tenant ON exceptions (tenant, expires, id)`,

		`CREATE TABLE pools (
			id {text} PRIMARY KEY, tenant {text} REFERENCES tenants (id) ON DELETE CASCADE, name {text}, description {text},
			settings {text}, plan {text}, windows {text}, created {int}, version {int}, UNIQUE (tenant, name)) {end}`,
		`CREATE INDEX pools_by_name ON pools (name, id)`,

		`CREATE TABLE bundles (
			kind {text}, scope {text}, version {int}, digest {text}, document {bytes}, signature {text}, author {text}, created {int},
			PRIMARY KEY (kind, scope, version)) {end}`,

		`CREATE TABLE rollouts (
			id {text} PRIMARY KEY, tenant {text} REFERENCES tenants (id) ON DELETE CASCADE, pool {text}, from_version {int},
			to_version {int}, state {text}, share {int}, step {int}, step_since {int}, reason {text}, nodes {int}, applied {int},
			failed {int}, findings {int}, author {text}, created {int}, ended {int}, version {int}) {end}`,
		`CREATE INDEX rollouts_by_pool ON rollouts (pool, created, id)`,
		`CREATE INDEX rollouts_by_tenant ON rollouts (tenant, created, id)`,
	}
}
