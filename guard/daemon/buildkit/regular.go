package buildkit

import (
	"context"
	"fmt"
	"os"

	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/guard/solve"
)

// regular makes sure that what is read of a build is a file: the builder opens whatever is there as root, also a device of the host's that came
// in an image, or a pipe that nobody writes to. What it is said of stays as it is: steps of builds do not change when they are done.
func (s *served) regular(ctx context.Context, q *asked) error {
	m, is := q.msg.(*gateway.ReadFileRequest)
	if !is {
		return nil
	}
	text, err := solve.Encode(&gateway.StatFileRequest{Ref: m.GetRef(), Path: m.GetFilePath()})
	if err != nil {
		return err
	}
	var answer frame
	// What the builder says to this it would say to the call.
	if err := s.engine.Invoke(metadata.NewOutgoingContext(ctx, q.md), gateway.LLBBridge_StatFile_FullMethodName, &frame{text: text}, &answer); err != nil {
		return err
	}
	var res gateway.StatFileResponse
	if err := proto.Unmarshal(answer.text, &res); err != nil {
		return fmt.Errorf("the builder's answer: %w", err)
	}
	if st := res.GetStat(); st == nil || !os.FileMode(st.GetMode()).IsRegular() {
		return s.notUnderstood(ctx, q.ask.Subject, q.ask.Call.Route.Path, fmt.Errorf("%.100q is no regular file: only those are read out of builds", m.GetFilePath()))
	}
	return nil
}
