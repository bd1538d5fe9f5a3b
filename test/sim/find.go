package sim

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// mostFound is how many findings a report may have.
const mostFound = 500

// Find reports of a machine that finds something serious, by what it says, and that it was over at once: each is an event at the server.
// The same number is the same finding, so that the server keeps few.
func (a *Agent) Find(ctx context.Context, texts []string) error {
	for len(texts) > 0 {
		some := texts[:min(len(texts), mostFound/2)]
		texts = texts[len(some):]
		now := timestamppb.New(time.Now())
		a.mu.Lock()
		r := &bulkheadv1.ReportRequest{Run: a.run, Time: now, State: &bulkheadv1.AgentState{
			Version: "sim", PoliciesVersion: a.policies, SettingsVersion: a.settings, AssignmentVersion: a.assigned,
		}}
		a.mu.Unlock()
		for i, text := range some {
			for _, over := range []bool{false, true} {
				r.Findings = append(r.Findings, &bulkheadv1.ReportedFinding{
					Id: fmt.Sprintf("sim-%d", i), Kind: "node/simulated", Severity: "high", Text: text, TextZh: text, First: now, Last: now, Count: 1, Over: over,
				})
			}
		}
		ask, cancel := context.WithTimeout(ctx, 20*time.Second)
		_, err := a.client.Report(ask, r)
		cancel()
		if err != nil {
			return fmt.Errorf("%s reports findings: %w", a.Name, err)
		}
	}
	return nil
}
