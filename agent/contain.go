package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sourcegraph/conc/panics"

	"github.com/bulkhead-security/bulkhead/model"
)

// Failed says that a part of the agent panicked. What else was in its process goes on; the agent does not: what the part left half
// done is known to nobody, so that it is started anew.
type Failed struct {
	Part      string
	recovered *panics.Recovered
}

// Error implements error, in one line.
func (f *Failed) Error() string {
	return fmt.Sprintf("a part of the agent, %s, failed by a mistake in the program: %v", f.Part, f.recovered.Value)
}

// Stack is where it happened.
func (f *Failed) Stack() string { return string(f.recovered.Stack) }

// Contain runs a part; where it panics, the error is a *Failed.
func Contain(part string, do func() error) (err error) {
	if r := panics.Try(func() { err = do() }); r != nil {
		return &Failed{Part: part, recovered: r}
	}
	return err
}

// failing is what is kept of a failure for the next run.
const failing = "node/agent-failed"

// calm is how long the agent has to run before it is told that it does.
const calm = 10 * time.Minute

// contained is a loop that fails by itself. The next run tells of it: this one can't be trusted to.
func (a *Agent) contained(part string, loop func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		err := Contain(part, func() error { return loop(ctx) })
		var f *Failed
		if errors.As(err, &f) {
			a.mistake(f)
			if err := a.p.Dir.SaveFailure(f.Error()); err != nil {
				a.slog.Error("the failure is not kept for the next run", "error", err)
			}
		}
		return err
	}
}

// mistake logs a part's failure, with the place.
func (a *Agent) mistake(err error) {
	stack := ""
	var f *Failed
	if errors.As(err, &f) {
		stack = f.Stack()
	}
	a.slog.Error("a part of the agent panicked", "error", err, "stack", stack)
}

// tellFailure tells that the run before this one failed.
func (a *Agent) tellFailure() {
	text, err := a.p.Dir.Failure()
	if err != nil {
		a.slog.Error("whether the run before this one failed is not known", "error", err)
		return
	}
	if text == "" {
		return
	}
	a.raise(problem{
		kind: failing, severity: model.High, subject: "agent",
		en: "The agent ended and was started again: " + text + ". Its log has the details; please report this as a bug.",
		zh: "代理异常结束后已重新启动：" + text + "。详情见其日志；请将此作为缺陷报告。",
	})
}

// recovering tells that the failure of the run before this one is over, once this one has run for a while.
func (a *Agent) recovering(ctx context.Context) error {
	if sleep(ctx, a.p.Calm, nil) {
		a.over(failing, "agent")
		if err := a.p.Dir.SaveFailure(""); err != nil {
			a.slog.Error("that the agent runs again is not kept", "error", err)
		}
	}
	<-ctx.Done()
	return ctx.Err()
}
