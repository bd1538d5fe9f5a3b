package store

// refusalIndex5 has the few records of what was refused, or would have been: without it, whoever looks for them reads all records. The
// second is for whoever sees one tenant: however much is refused in another, it is not looked through.
func refusalIndex5(kind string) []string {
	return []string{
		`CREATE INDEX records_refusals ON records (time, origin, place, tenant) WHERE ` + refusals(kind),
		`CREATE INDEX records_refusals_of ON records (tenant, time, origin, place) WHERE ` + refusals(kind),
	}
}

// refusals is the condition of that index. A query says the very same, or the index is not taken.
func refusals(kind string) string {
	inside := "instr"
	if kind == KindPostgres {
		inside = "strpos"
	}
	return `(outcome = 'refused' OR ` + inside + `(record, '"would_refuse":') > 0)`
}
