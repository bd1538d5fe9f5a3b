package store

// proposalTables4 are policies and exceptions that wait for a second person.
func proposalTables4() []string {
	return []string{
		`CREATE TABLE policy_proposals (
			id {text} PRIMARY KEY, tenant {text} REFERENCES tenants (id) ON DELETE CASCADE, base {int}, files {text}, note {text},
			author {text}, state {text}, outcome {text}, approver {text}, reason {text}, version {int}, created {int}, ended {int}) {end}`,
		`CREATE INDEX policy_proposals_by_tenant ON policy_proposals (tenant, id)`,
		`CREATE INDEX policy_proposals_by_state ON policy_proposals (state, tenant)`,
		`ALTER TABLE policies ADD COLUMN approver {text} DEFAULT ''`,
		`ALTER TABLE policies ADD COLUMN proposal {text} DEFAULT ''`,
	}
}
