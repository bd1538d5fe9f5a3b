package buildkit

import (
	"context"
	"fmt"
	"slices"

	control "github.com/moby/buildkit/api/services/control"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/guard/solve"
)

// file has the build's own file looked at, wherever it comes in the sessions that it takes from.
func (s *served) file(ctx context.Context, q *asked) error {
	asks, ok := q.ask.Body.(*call.Solve)
	if !ok {
		return nil
	}
	if begins, is := q.msg.(*control.SolveRequest); is {
		if err := s.room.files.begin(begins.GetRef(), asks.Sessions); err != nil {
			return err
		}
	}
	if asks.File == nil {
		return nil
	}
	return s.room.file(ctx, q.ask.Subject, s.sessions(q, asks), asks.File, q.part)
}

// sessions are those that a build, or a part of one, takes from.
func (s *served) sessions(q *asked, asks *call.Solve) []string {
	if _, begins := q.msg.(*control.SolveRequest); begins {
		return asks.Sessions
	}
	return append(s.room.files.sessions(q.build, whose(q.ask.Subject)), asks.Sessions...)
}

// fileRoute is the transfer of a build's file, for its record and the question about it.
func fileRoute() *route.Route {
	return &route.Route{Method: route.GRPC, Path: diffCopy, Action: "BuildSolve", On: route.Engine, Effect: route.Changes, Body: route.HTTP2}
}

// judgeFile has it judged what a build's file asks for that is read in a way.
func (r *Room) judgeFile(ctx context.Context, who *call.Subject, t *sentText, b *call.BuildFile) error {
	a, asks, err := r.fileAsk(ctx, who, t, b, nil)
	if err == nil && len(asks.Triggers) > 0 { // what those do is as if it stood in the file
		a, asks, err = r.fileAsk(ctx, who, t, b, asks.Triggers)
	}
	if err != nil {
		return r.fileNotUnderstood(ctx, who, t.name, err)
	}
	if r.p.Strict != nil && r.p.Strict() {
		unseen(asks, b)
	}
	return r.p.Judge.Judge(ctx, a)
}

// fileAsk is the question about a file, with the triggers of images that its stages begin with.
func (r *Room) fileAsk(ctx context.Context, who *call.Subject, t *sentText, b *call.BuildFile, triggers map[string][]string) (*call.Ask, *call.Solve, error) {
	asks, err := r.fileAsks(ctx, who, t.text, b, triggers)
	if err != nil {
		return nil, nil, err
	}
	a := &call.Ask{Subject: who, Call: &route.Call{Route: fileRoute(), Name: t.name}, Body: asks}
	if r.p.Objects != nil {
		err = r.p.Objects.Complete(ctx, a)
	}
	return a, asks, err
}

// mostUnseen are the images of one file of which it is told that their triggers can't be seen.
const mostUnseen = 10

// unseen notes which images that stages begin with the guard can't look at, whatever they do once they are built upon.
func unseen(asks *call.Solve, b *call.BuildFile) {
	note := func(list []call.Named, why string) {
		for _, n := range list[:min(len(list), mostUnseen)] {
			asks.Unknown = append(asks.Unknown, fmt.Sprintf("%s: what the image %.100q does when it is built upon (ONBUILD) can't be seen: %s", n.Field, n.Name, why))
		}
	}
	bases := map[string]bool{}
	for _, n := range asks.Bases {
		bases[n.Name] = true
	}
	note(slices.DeleteFunc(slices.Clone(asks.Elsewhere), func(n call.Named) bool { return !bases[n.Name] }), "it is not on this host: pull it first")
	note(asks.ForOthers, "it is wanted for another platform than the host's: build for the host's own")
	if b.Pull {
		note(asks.Bases, "the builder may pull it anew: pull it first, leave --pull out, and build with image-resolve-mode=local, as buildx does with the engine's own builder")
	}
}

// fileAsks reads a file; only so many at a time, and no longer than a request may take.
func (r *Room) fileAsks(ctx context.Context, who *call.Subject, text []byte, b *call.BuildFile, triggers map[string][]string) (*call.Solve, error) {
	ctx, cancel := context.WithTimeout(ctx, r.readTime)
	defer cancel()
	back, err := r.decodes.take(ctx, whose(who))
	if err != nil {
		return nil, err
	}
	defer back()
	return solve.Dockerfile(ctx, text, b, triggers)
}

// fileNotUnderstood refuses a file that could not be judged, with its record.
func (r *Room) fileNotUnderstood(ctx context.Context, who *call.Subject, name string, why error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if name != "" {
		why = fmt.Errorf("the Dockerfile %.100q: %w", name, why)
	}
	id, err := r.p.Judge.NotUnderstood(ctx, who, route.GRPC, diffCopy, why)
	if err != nil {
		r.p.Log.ErrorContext(ctx, "a refusal could not be recorded", "error", err, "refused", why)
		return why
	}
	return fmt.Errorf("%w; audit record: %s", why, id)
}

// File has the guard look at the build file of a build by the engine's own API that begins, wherever it comes in a session, and judges it where
// it came already. over is called when the build is over.
func (r *Room) File(ctx context.Context, who *call.Subject, session string, b *call.BuildFile) (over func(), err error) {
	if session == "" {
		return nil, &NoFileError{errNoPart}
	}
	over, err = r.files.run(whose(who), session, b)
	if err != nil {
		return nil, &NoFileError{err}
	}
	if err := r.file(ctx, who, []string{session}, b, ""); err != nil {
		over()
		return nil, err
	}
	return over, nil
}

// file has the guard look at the file of a build that begins, and judges what came already of it.
func (r *Room) file(ctx context.Context, who *call.Subject, sessions []string, b *call.BuildFile, own string) error {
	came, err := r.files.read(sessions, b, own)
	if err != nil {
		return err
	}
	for _, t := range came {
		if err := r.judgeFile(ctx, who, t, b); err != nil {
			return err
		}
	}
	return nil
}

// Judge has the build file of a build judged that comes in no session.
func (r *Room) Judge(ctx context.Context, who *call.Subject, text []byte, b *call.BuildFile) error {
	return r.judgeFile(ctx, who, &sentText{name: b.Name, text: text}, b)
}
