package store

// objectTables4 are the containers, images and networks that nodes have and had. They are made of the nodes' facts: objects_digest is
// of those that they show. A program of the version before writes facts without them, and what was there before has none; FillObjects
// finds both by it.
func objectTables4() []string {
	return []string{
		`ALTER TABLE nodes ADD COLUMN objects_digest {text} DEFAULT ''`,
		`CREATE TABLE objects (
			node {text} REFERENCES nodes (id) ON DELETE CASCADE, kind {text}, id {text}, tenant {text}, node_name {text}, name {text},
			state {text}, image {text}, created {int}, first_seen {int}, changed {int}, updated {int}, gone {int}, summary {text},
			PRIMARY KEY (node, kind, id)) {end}`,
		`CREATE INDEX objects_by_tenant ON objects (tenant, kind, node, id)`,
		`CREATE INDEX objects_gone ON objects (node, kind, gone) WHERE gone > 0`,
	}
}
