package store

// triageTables4 are what people say of findings.
func triageTables4() []string {
	return []string{
		`ALTER TABLE findings ADD COLUMN state {text} DEFAULT 'open'`,
		`ALTER TABLE findings ADD COLUMN owner {text} DEFAULT ''`,
		`ALTER TABLE findings ADD COLUMN owner_name {text} DEFAULT ''`,
		`ALTER TABLE findings ADD COLUMN triaged {int} DEFAULT 0`,
		`ALTER TABLE findings ADD COLUMN comment {text} DEFAULT ''`,
		`ALTER TABLE findings ADD COLUMN comments {int} DEFAULT 0`,
		`ALTER TABLE findings ADD COLUMN version {int} DEFAULT 0`,
		// Few are triaged, and those that come back are looked for at every report.
		`CREATE INDEX findings_triaged ON findings (node, id) WHERE state <> 'open'`,
		`CREATE INDEX findings_by_owner ON findings (owner, last_seen, node, id) WHERE owner <> ''`,

		`CREATE TABLE finding_notes (
			id {text} PRIMARY KEY, tenant {text}, node {text}, finding {text}, time {int}, author {text}, author_name {text},
			was_state {text}, state {text}, was_owner {text}, owner {text}, comment {text},
			FOREIGN KEY (node, finding) REFERENCES findings (node, id) ON DELETE CASCADE) {end}`,
		`CREATE INDEX finding_notes_by_finding ON finding_notes (node, finding, time, id)`,
	}
}
