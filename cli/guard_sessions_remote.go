package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/guard/sessions"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// Limits of what is taken from a control plane, which may be anybody's.
const (
	mostFetched   = 65 << 20
	mostRemote    = 10_000 // recordings of a list
	recordingPage = 500
)

// fetchedRecording is a recording of another machine in a directory of its own, as it would stand there. changed says that it is not what
// was recorded: what can be shown of it is shown, and then it is said.
type fetchedRecording struct {
	dir     string
	entry   sessions.Entry
	changed error
}

func (f *fetchedRecording) close() error { return os.RemoveAll(f.dir) }

func (a *App) recordingClient(ctx context.Context) (bulkheadv1connect.RecordingServiceClient, error) {
	return client(ctx, a, bulkheadv1connect.NewRecordingServiceClient)
}

// remoteRecordings lists recordings of a node, oldest first as a directory's are.
func (a *App) remoteRecordings(ctx context.Context, f *sessionFlags, id string, since time.Time) ([]sessions.Entry, error) {
	c, err := a.recordingClient(ctx)
	if err != nil {
		return nil, err
	}
	node, err := a.nodeID(ctx, f.node)
	if err != nil {
		return nil, err
	}
	req := &bulkheadv1.ListRecordingsRequest{Tenant: a.remote.tenant, Node: node, Id: id, Page: &bulkheadv1.Page{Size: recordingPage}}
	if !since.IsZero() {
		req.Since = timestamppb.New(since) // what began since then has ended since then
	}
	var all []sessions.Entry
	for {
		res, err := c.ListRecordings(ctx, req)
		if err != nil {
			return nil, remoteError(err)
		}
		for _, r := range res.GetRecordings() {
			e, err := remoteEntry(r)
			if err != nil { // one record of one node hides no other
				fmt.Fprintf(a.Err, "bulkhead: left out: %v\n", err)
				continue
			}
			all = append(all, e)
		}
		if req.Page.Token = res.GetNextPage(); req.Page.Token == "" || len(all) >= mostRemote {
			break
		}
	}
	slices.Reverse(all)
	return all, nil
}

// remoteEntry is a recording as it would stand beside its file.
func remoteEntry(r *bulkheadv1.SessionRecording) (sessions.Entry, error) {
	if len(r.GetId()) != 36 || uuid.Validate(r.GetId()) != nil {
		return sessions.Entry{}, fmt.Errorf("record %s is of a recording with the id %.60q, which is none of a guard's", plain(r.GetRecord()), r.GetId())
	}
	end := r.GetEnd().AsTime()
	e := sessions.Entry{
		ID: r.GetId(), Kind: r.GetKind(), Start: end, End: &end, Account: r.GetAccount(), AccountName: r.GetAccountName(), Tenant: r.GetTenant(),
		Address: r.GetAddress(), Host: r.GetNodeName(), Container: r.GetContainer(), Name: r.GetContainerName(), Image: r.GetImage(),
		Exec: r.GetExec(), Command: r.GetCommand(), Terminal: r.GetTerminal(), Input: r.GetInput(), Decision: r.GetDecision(), Sealed: r.GetRecord(),
		Outcome: sessions.Outcome(r.GetOutcome()), Why: r.GetWhy(), Bytes: r.GetBytes(), Lost: r.GetLost(), Digest: r.GetDigest(),
	}
	if r.GetStart() != nil {
		e.Start = r.GetStart().AsTime()
	}
	return e, nil
}

// findRemote gives the one recording of a node whose id begins so.
func (a *App) findRemote(ctx context.Context, f *sessionFlags, id string) (*sessions.Entry, error) {
	all, err := a.remoteRecordings(ctx, f, id, time.Time{})
	if err != nil {
		return nil, err
	}
	var found *sessions.Entry
	for i := range all {
		if found != nil && found.ID != all[i].ID {
			return nil, fmt.Errorf("more than one recording's id begins with %q: give more of it", id)
		}
		if found == nil {
			found = &all[i] // of several records of it the first one counts
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no recording %.80q of the node %s; `bulkhead guard sessions list --node %[2]s` shows those that have ended", id, plain(f.node))
	}
	return found, nil
}

// fetch brings a recording of a node into a directory.
func (a *App) fetch(ctx context.Context, f *sessionFlags, e *sessions.Entry) (*fetchedRecording, error) {
	c, err := a.recordingClient(ctx)
	if err != nil {
		return nil, err
	}
	node, err := a.nodeID(ctx, f.node)
	if err != nil {
		return nil, err
	}
	t, err := c.RequestRecording(ctx, &bulkheadv1.RequestRecordingRequest{Node: node, Id: e.ID})
	if err != nil {
		return nil, remoteError(err)
	}
	stream, err := c.ReadRecording(ctx, &bulkheadv1.ReadRecordingRequest{Node: node, Transfer: t.GetId()})
	if err != nil {
		return nil, remoteError(err)
	}
	defer func() { _ = stream.Close() }() // it was read to its end, or ctx is over
	dir, err := os.MkdirTemp("", "bulkhead-recording-")
	if err != nil {
		return nil, fmt.Errorf("a place for the recording: %w", err)
	}
	out := &fetchedRecording{dir: dir, entry: *e}
	var failed error // it is not about the file
	err = toFile(filepath.Join(dir, e.File()), func(w io.Writer) error { failed = out.receive(stream, w); return failed })
	if failed != nil {
		err = failed
	}
	if err != nil {
		return nil, errors.Join(err, out.close())
	}
	return out, nil
}

func (f *fetchedRecording) receive(stream *connect.ServerStreamForClient[bulkheadv1.RecordingPiece], w io.Writer) error {
	n := 0
	for stream.Receive() {
		p := stream.Msg().GetData()
		if n += len(p); n > mostFetched {
			return fmt.Errorf("the control plane sends more than %d bytes", mostFetched)
		}
		if _, err := w.Write(p); err != nil {
			return fmt.Errorf("keep the recording: %w", err)
		}
	}
	err := stream.Err()
	var ce *connect.Error
	if errors.As(err, &ce) {
		e := fromWire(ce)
		switch {
		case e != nil && e.Code == model.CodeConflict:
			f.changed = remoteError(err)
			return nil
		case e == nil && n > 0:
			return fmt.Errorf("the recording broke off after %d of %d bytes: %s\n  "+
				"the replica of the control plane that it came from stopped, or the way to it is cut; nothing is lost: try again", n, f.entry.Bytes, plain(ce.Message()))
		}
	}
	return remoteError(err)
}

// locally gives the directory with a recording, and its entry, wherever it is. What was brought here goes with done, which also says that
// it is not what was recorded.
func (a *App) locally(ctx context.Context, f *sessionFlags, id string) (dir string, e *sessions.Entry, done func() error, err error) {
	if f.node == "" {
		dir = a.sessionsIn(f)
		e, err = sessions.Find(dir, id)
		return dir, e, func() error { return nil }, err
	}
	if e, err = a.findRemote(ctx, f, id); err != nil {
		return "", nil, nil, err
	}
	got, err := a.fetch(ctx, f, e)
	if err != nil {
		return "", nil, nil, err
	}
	return got.dir, e, func() error { return errors.Join(got.changed, got.close()) }, nil
}

// isFile says whether a recording is named by its file.
func isFile(name string) bool { return strings.HasSuffix(name, ".cast.age") }
