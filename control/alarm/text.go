package alarm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// mostMails is how many events are told in mails of their own.
const mostMails = 20

// single is a mail about one event.
func (m *mailer) single(e *Event) (subject, body string) {
	s := e.sentences(m.c.Language)
	return fmt.Sprintf("[bulkhead] %s %s: %s", strings.ToUpper(e.Severity), e.where(), s[0]), strings.Join(s, "\n") + "\n\n" + e.details()
}

// digest is a mail about many events, the worst first.
func (m *mailer) digest(events []Event) (subject, body string) {
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b Event) int {
		if d := rank(b.Severity) - rank(a.Severity); d != 0 {
			return d
		}
		return a.Time.Compare(b.Time)
	})
	counts, nodes := map[string]int{}, map[string]bool{}
	for i := range sorted {
		counts[sorted[i].Severity]++
		nodes[sorted[i].where()] = true
	}
	severities := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return rank(b) - rank(a) })
	parts := make([]string, len(severities))
	for i, s := range severities {
		parts[i] = fmt.Sprintf("%d %s", counts[s], s)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d alarms, %d places. The worst first.\n%d 条告警,涉及 %d 处。最严重的在前。\n", len(sorted), len(nodes), len(sorted), len(nodes))
	for i := range sorted {
		e := &sorted[i]
		fmt.Fprintf(&b, "\n%s %s %s %s\n", e.Time.Format(time.RFC3339), strings.ToUpper(e.Severity), e.where(), e.Kind)
		for _, s := range e.sentences(m.c.Language) {
			fmt.Fprintf(&b, "  %s\n", s)
		}
		fmt.Fprintf(&b, "  event %s\n", e.ID)
	}
	return fmt.Sprintf("[bulkhead] %d alarms: %s", len(sorted), strings.Join(parts, ", ")), b.String()
}
