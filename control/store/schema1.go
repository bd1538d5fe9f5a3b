package store

import (
	"context"

	"github.com/uptrace/bun"
)

// schema1 makes the first schema. docs/storage.md says what each table is for.
func schema1(ctx context.Context, tx bun.Tx, kind string) error {
	tables := append(directoryTables1(), append(accessTables1(), recordTables1()...)...)
	if err := run(ctx, tx, kind, tables...); err != nil {
		return err
	}
	return run(ctx, tx, kind,
		`INSERT INTO counters (name, value) VALUES ('changes', 0)`,
		// The provider's own tenant always exists. Its creation has no time, so that all databases begin alike.
		`INSERT INTO tenants (id, name, labels, created, version) VALUES ('system', 'System', '{}', 0, 1)`,
	)
}

func directoryTables1() []string {
	return []string{
		`CREATE TABLE tenants (id {text} PRIMARY KEY, name {text}, labels {text}, created {int}, version {int}) {end}`,

		`CREATE TABLE accounts (
			id {text} PRIMARY KEY, tenant {text} REFERENCES tenants (id), name {text}, display_name {text}, email {text},
			roles {text}, hosts {text}, disabled {int}, issuer {text}, subject {text}, created {int}, last_sign_in {int},
			version {int}, UNIQUE (tenant, name), UNIQUE (id, tenant)) {end}`,
		`CREATE UNIQUE INDEX accounts_by_issuer ON accounts (issuer, subject) WHERE subject <> ''`,
		`CREATE INDEX accounts_by_name ON accounts (name, id)`,

		`CREATE TABLE account_groups (
			id {text} PRIMARY KEY, tenant {text} REFERENCES tenants (id) ON DELETE CASCADE, name {text}, roles {text},
			hosts {text}, created {int}, version {int}, UNIQUE (tenant, name), UNIQUE (id, tenant)) {end}`,
		`CREATE INDEX account_groups_by_name ON account_groups (name, id)`,

		// The tenant in both keys keeps an account out of another tenant's groups.
		`CREATE TABLE memberships (
			user_id {text}, group_id {text}, tenant {text}, PRIMARY KEY (user_id, group_id),
			FOREIGN KEY (user_id, tenant) REFERENCES accounts (id, tenant) ON DELETE CASCADE,
			FOREIGN KEY (group_id, tenant) REFERENCES account_groups (id, tenant) ON DELETE CASCADE) {end}`,
		`CREATE INDEX memberships_by_group ON memberships (group_id)`,

		`CREATE TABLE passwords (user_id {text} PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE, hash {text}, changed {int}) {end}`,

		`CREATE TABLE factors (
			id {text} PRIMARY KEY, user_id {text} REFERENCES accounts (id) ON DELETE CASCADE, kind {text}, name {text},
			data {bytes}, created {int}, last_used {int}, counter {int}) {end}`,
		`CREATE INDEX factors_by_user ON factors (user_id, id)`,

		`CREATE TABLE sessions (
			id {text} PRIMARY KEY, secret_hash {bytes} UNIQUE, user_id {text}, tenant {text}, auth {text}, created {int},
			last_seen {int}, expires {int}, idle {int}, address {text}, user_agent {text}, client {text},
			FOREIGN KEY (user_id, tenant) REFERENCES accounts (id, tenant) ON DELETE CASCADE) {end}`,
		`CREATE INDEX sessions_by_user ON sessions (user_id, id)`,
		`CREATE INDEX sessions_by_end ON sessions (expires)`,

		`CREATE TABLE tokens (
			id {text} PRIMARY KEY, user_id {text}, tenant {text}, name {text}, prefix {text}, secret_hash {bytes} UNIQUE,
			scopes {text}, auth {text}, created {int}, expires {int}, last_used {int}, revoked {int},
			FOREIGN KEY (user_id, tenant) REFERENCES accounts (id, tenant) ON DELETE CASCADE) {end}`,
		`CREATE INDEX tokens_by_user ON tokens (user_id)`,
		`CREATE INDEX tokens_by_name ON tokens (tenant, name, id)`,

		`CREATE TABLE tickets (
			kind {text}, id {text}, user_id {text}, tenant {text}, lookup {text}, data {bytes}, created {int}, expires {int},
			PRIMARY KEY (kind, id)) {end}`,
		`CREATE UNIQUE INDEX tickets_by_lookup ON tickets (kind, lookup) WHERE lookup <> ''`,
		`CREATE INDEX tickets_by_user ON tickets (user_id)`,
		`CREATE INDEX tickets_by_end ON tickets (expires)`,

		`CREATE TABLE throttles (id {text} PRIMARY KEY, failures {int}, last {int}) {end}`,
		`CREATE TABLE answers (id {text} PRIMARY KEY, digest {bytes}, body {bytes}, created {int}) {end}`,
		`CREATE TABLE secrets (name {text} PRIMARY KEY, data {bytes}, created {int}) {end}`,
	}
}

func accessTables1() []string {
	return []string{
		`CREATE TABLE policies (
			tenant {text} REFERENCES tenants (id) ON DELETE CASCADE, version {int}, files {text}, author {text}, note {text},
			created {int}, digest {text}, signature {text}, PRIMARY KEY (tenant, version)) {end}`,

		`CREATE TABLE access_requests (
			id {text} PRIMARY KEY, tenant {text} REFERENCES tenants (id) ON DELETE CASCADE,
			user_id {text} REFERENCES accounts (id) ON DELETE CASCADE, action {text}, resource_type {text}, resource {text},
			reason {text}, duration {int}, state {text}, approver {text}, note {text}, created {int}, decided {int},
			expires {int}) {end}`,
		`CREATE INDEX access_requests_by_user ON access_requests (user_id, action, resource_type, resource, state)`,
		`CREATE INDEX access_requests_by_tenant ON access_requests (tenant, id)`,
	}
}

func recordTables1() []string {
	return []string{
		`CREATE TABLE records (
			origin {text}, place {int}, id {text}, time {int}, actor {text}, actor_name {text}, tenant {text}, action {text},
			resource_type {text}, resource {text}, outcome {text}, record {text}, event {bytes},
			PRIMARY KEY (origin, place)) {end}`,
		`CREATE INDEX records_by_time ON records (time, origin, place)`,
		`CREATE INDEX records_by_tenant ON records (tenant, time, origin, place)`,
		`CREATE INDEX records_by_actor ON records (actor, time)`,
		`CREATE INDEX records_by_resource ON records (resource, time)`,

		`CREATE TABLE positions (origin {text} PRIMARY KEY, next {int}) {end}`,
		`CREATE TABLE logs (
			origin {text} PRIMARY KEY, public_key {text}, checkpoint {text}, problems {text}, verified {int}) {end}`,
		// The root is part of the key: two that contradict each other are what shows a fork, so both are kept.
		`CREATE TABLE checkpoints (
			origin {text}, keeper {text}, size {int}, root {bytes}, note {text}, time {int},
			PRIMARY KEY (origin, keeper, size, root)) {end}`,
		`CREATE INDEX checkpoints_by_time ON checkpoints (origin, time)`,

		`CREATE TABLE assessments (
			id {text} PRIMARY KEY, tenant {text} REFERENCES tenants (id) ON DELETE CASCADE, node {text}, node_name {text},
			time {int}, published {int}, publisher {text}, statuses {text}, document {bytes}) {end}`,
		`CREATE INDEX assessments_by_node ON assessments (tenant, node, published, id)`,
		`CREATE INDEX assessments_by_time ON assessments (published, id)`,

		`CREATE TABLE changes (seq {int} PRIMARY KEY, time {int}, operation {text}, object_type {text}, object {text}, tenant {text}) {end}`,
		`CREATE INDEX changes_by_tenant ON changes (tenant, seq)`,
		`CREATE INDEX changes_by_time ON changes (time)`,
		`CREATE TABLE counters (name {text} PRIMARY KEY, value {int}) {end}`,
	}
}
