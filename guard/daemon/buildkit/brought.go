package buildkit

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	control "github.com/moby/buildkit/api/services/control"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// watched has it remembered who brought what a build makes.
func (s *served) watched(ctx context.Context, q *asked) (func(error, []byte) error, error) {
	none := func(error, []byte) error { return nil }
	asks, ok := q.ask.Body.(*call.Solve)
	if _, begins := q.msg.(*control.SolveRequest); !ok || !begins || s.room.p.Images == nil || !brings(asks) {
		return none, nil
	}
	to, after, err := s.room.p.Images.Watch(ctx, q.ask)
	if err != nil {
		return nil, said(err)
	}
	if s.room.p.Objects != nil {
		s.room.p.Objects.Forget()
	}
	return func(err error, answer []byte) error {
		if s.room.p.Objects != nil {
			s.room.p.Objects.Forget()
		}
		switch {
		case to == nil:
		case err == nil:
			if err := tell(to, answer); err != nil {
				return err
			}
		case ctx.Err() == nil: // it is over, and not only left
			if _, err := io.WriteString(to, `{"error":"it failed"}`+"\n"); err != nil {
				return fmt.Errorf("tell that a build failed: %w", err)
			}
		}
		return after(context.WithoutCancel(ctx))
	}, nil
}

// brings says whether a build puts an image into the engine.
func brings(s *call.Solve) bool {
	return slices.Contains(s.Exporters, "moby") || slices.Contains(s.Exporters, "image")
}

// tell says which images a build made, in the words of the engine's own way of building.
func tell(to io.Writer, answer []byte) error {
	var res control.SolveResponse
	if err := proto.Unmarshal(answer, &res); err != nil {
		return fmt.Errorf("the builder's answer: %w", err)
	}
	for _, key := range []string{"containerimage.digest", "containerimage.config.digest"} {
		id := res.GetExporterResponse()[key]
		if id == "" {
			continue
		}
		line, err := json.Marshal(map[string]any{"aux": map[string]string{"ID": id}})
		if err != nil {
			return err
		}
		if _, err := to.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}
