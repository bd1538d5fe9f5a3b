package assess

import "github.com/bulkhead-security/bulkhead/model"

// requirementStatus gives the status on which every possible completion of the missing evidence agrees, else unknown:
//
//   - no check applies: not_applicable
//   - an essential check fails: not_met, whatever the rest says
//   - an essential check is unknown: unknown, since it could still fail
//   - all essential checks hold and another fails, or any warns: partly_met
//   - anything else is unknown: unknown
//   - otherwise: met
func requirementStatus(checks []model.CheckResult) model.Status {
	applicable, weak, essentialUnknown, unknown := 0, false, false, false
	for _, c := range checks {
		switch c.Status {
		case model.CheckNotApplicable:
			continue
		case model.CheckFail:
			if c.Essential {
				return model.NotMet
			}
			weak = true
		case model.CheckWarn:
			weak = true
		case model.CheckUnknown:
			unknown = true
			essentialUnknown = essentialUnknown || c.Essential
		}
		applicable++
	}
	switch {
	case applicable == 0:
		return model.NotApplicable
	case essentialUnknown:
		return model.Unknown
	case weak:
		return model.PartlyMet
	case unknown:
		return model.Unknown
	}
	return model.Met
}
