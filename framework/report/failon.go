package report

import "github.com/bulkhead-security/bulkhead/model"

// FailOn decides the exit code of `--fail-on`: it says whether any requirement in question is not shown to be met, and
// which.
//
//   - level "should" asks all requirements; any other level, "shall" by name, the binding ones (shall, shall not).
//   - not_met and partly_met fail.
//   - unknown fails too: evidence is missing, so nobody can say that the requirement is met.
//   - not_applicable passes.
//   - a requirement whose every failure is covered by an exception in force is passed over. An unknown is no failure
//     that a person can have accepted, so it is never excepted.
func FailOn(a *model.Assessment, level string) (bool, []string) {
	var ids []string
	for _, r := range a.Requirements {
		if level != "should" && r.Keyword == model.Should {
			continue
		}
		switch r.Status {
		case model.Met, model.NotApplicable:
			continue
		case model.NotMet, model.PartlyMet:
			if r.Excepted {
				continue
			}
		}
		ids = append(ids, r.ID)
	}
	return len(ids) > 0, ids
}
