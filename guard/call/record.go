package call

import (
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// ActionNotUnderstood is the action of records of calls that were refused before they could be judged.
const ActionNotUnderstood = "EngineCall"

// What the guard's record of a call says in its changes, beside what every record has.
const (
	SaidCall     = "call"     // method and route, e.g. "POST /containers/create"
	SaidName     = "name"     // of what the call is about, as it was called
	SaidField    = "field"    // of the body, where that is what was refused
	SaidWarnings = "warnings" // what was changed, and what enforcement would refuse; joined by "; "
	SaidRule     = "rule"     // names of the rules that refused, joined
	SaidRemedy   = "remedy"   // what would pass, or would have passed
	SaidNeeds    = "needs"    // what was missing for it to pass, joined
	SaidWould    = model.WouldRefuse
	SaidWouldWhy = model.WouldRefuse + "_why"
)

// betweenNames joins names of rules: none has a comma in it.
const betweenNames = ", "

// moreNames stands for those that are left out. It is no name.
const moreNames = "…"

// mostSaid is the longest value: the audit log keeps only the digest of one with more than 1 KiB.
const mostSaid = 1000

// JoinNames joins names of rules and the like; those that there is no room for are left out, and that is said.
func JoinNames(names []string) string {
	var out strings.Builder
	for i, n := range names {
		if i > 0 {
			n = betweenNames + n
		}
		if out.Len()+len(n) > mostSaid {
			out.WriteString(betweenNames + moreNames)
			break
		}
		out.WriteString(n)
	}
	return out.String()
}

// SplitNames is the way back, without what says that some were left out.
func SplitNames(joined string) []string {
	joined = strings.TrimSuffix(joined, betweenNames+moreNames)
	if joined == "" || joined == moreNames {
		return nil
	}
	return strings.Split(joined, betweenNames)
}

// Said cuts a text to what the audit log keeps of it.
func Said(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= mostSaid {
		return s
	}
	return strings.ToValidUTF8(s[:mostSaid], "") + "…"
}
