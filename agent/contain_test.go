package agent_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/agent"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// TestAMistakeEndsTheAgentAndNothingElse: a panic in whatever the agent does is an error of its run, and the next run tells of it.
func TestAMistakeEndsTheAgentAndNothingElse(t *testing.T) {
	for _, part := range []string{"collecting", "following"} {
		t.Run(part, func(t *testing.T) {
			f, m := newFake(t), newMachine(t)
			m.join(f)
			m.mistake, m.failed = part, make(chan error, 1)
			stop := m.run()
			if part == "following" {
				<-f.follows
				f.send(wrap(f.policies(7, "a")))
			}
			var failed *agent.Failed
			select {
			case err := <-m.failed:
				if !errors.As(err, &failed) || failed.Part != part || !strings.Contains(err.Error(), "a mistake in "+part) || !strings.Contains(failed.Stack(), "run_test.go") {
					t.Errorf("%+v", err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("the run goes on")
			}
			stop()

			m.mistake, m.calm = "", 2*time.Second
			stop = m.run()
			f.seen("the failure is told", func() bool { // it may be over by now
				return slices.ContainsFunc(f.reports, func(r *bulkheadv1.ReportRequest) bool {
					return slices.ContainsFunc(r.GetFindings(), func(x *bulkheadv1.ReportedFinding) bool {
						return x.GetKind() == "node/agent-failed" && x.GetSubject() == "agent" && !x.GetOver() &&
							strings.Contains(x.GetText(), "a mistake in "+part) && x.GetSeverity() == "high"
					})
				})
			})
			f.seen("it is over", func() bool { x := f.found("node/agent-failed", "agent"); return x != nil && x.GetOver() })
			stop()
			if part == "following" {
				return
			}
			stop = m.run()
			f.seen("it goes on as ever", func() bool { return f.sees("first") })
			stop()
			if x := f.found("node/agent-failed", "agent"); !x.GetOver() {
				t.Error("told again")
			}
		})
	}
}
