package store

// proofTables4 are requests for exceptions, results of drills, and reports for auditors. Requests are in a table of their own: a program of the
// version before must never take one for an exception.
func proofTables4() []string {
	return []string{
		// exception is that of the exception that came of it: who approved it stands here.
		`CREATE TABLE exception_requests (
			id {text} PRIMARY KEY, tenant {text} REFERENCES tenants (id) ON DELETE CASCADE, node {text}, check_id {text},
			subject {text}, owner {text}, reason {text}, expires {text}, requester {text}, created {int}, state {text}, decider {text},
			note {text}, decided {int}, exception {text}) {end}`,
		`CREATE INDEX exception_requests_by_tenant ON exception_requests (tenant, state, id)`,
		`CREATE INDEX exception_requests_by_exception ON exception_requests (exception)`,

		// One of a drill's attacks on a node: node is the name of the machine that it ran on.
		`CREATE TABLE drill_results (
			id {text} PRIMARY KEY, tenant {text} REFERENCES tenants (id) ON DELETE CASCADE, drill {text}, requirement {text}, node {text},
			verdict {text}, without_control {text}, with_control {text}, why {text}, duration_ms {int}, version {text}, ran {int},
			published {int}, publisher {text}) {end}`,
		`CREATE INDEX drill_results_by_drill ON drill_results (tenant, drill, node, ran, id)`,
		`CREATE INDEX drill_results_by_time ON drill_results (ran, id)`,

		// all_tenants: of the whole fleet, kept by the provider's tenant.
		`CREATE TABLE reports (
			id {text} PRIMARY KEY, tenant {text} REFERENCES tenants (id) ON DELETE CASCADE, all_tenants {int}, title {text}, scope {text},
			as_of {int}, since {int}, author {text}, author_name {text}, created {int}, state {text}, done {int}, total {int}, error {text},
			finished {int}, summary {text}, nodes {int}, signature {text}, key {text}, files {text}) {end}`,
		`CREATE INDEX reports_by_tenant ON reports (tenant, id)`,
		`CREATE INDEX reports_by_time ON reports (created, id)`,
		`CREATE TABLE report_parts (
			report {text} REFERENCES reports (id) ON DELETE CASCADE, file {text}, part {int}, data {bytes},
			PRIMARY KEY (report, file, part)) {end}`,
	}
}
