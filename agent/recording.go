package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// Limits of recordings that are sent: a server that was taken over gets no more of a node's network than this.
const (
	sendsAtOnce   = 2
	mostRecording = 64 << 20
	recordingPart = 256 << 10 // as in SendRecordingRequest.data
	recordingTime = 10 * time.Minute
	sendAgain     = 250 * time.Millisecond
)

// sender bounds how many recordings are sent.
type sender struct {
	limit *rate.Limiter
	slots chan struct{}

	mu    sync.Mutex
	under map[string]bool // transfers that are under way
}

// begin says whether a transfer is not under way already: a server asks again when the stream opened anew.
func (s *sender) begin(transfer string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.under[transfer] {
		return false
	}
	if s.under == nil {
		s.under = map[string]bool{}
	}
	s.under[transfer] = true
	return true
}

func (s *sender) end(transfer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.under, transfer)
}

// sendRecording answers a question for a recording in the background. It is encrypted, and stays so.
func (a *Agent) sendRecording(ctx context.Context, q *bulkheadv1.WantedRecording) {
	if a.p.Recordings == nil || !a.sends.limit.Allow() {
		a.slog.Warn("the server asks for recordings too often, or there are none; not answered", "recording", q.GetId())
		return
	}
	if !a.sends.begin(q.GetTransfer()) {
		return
	}
	go func() {
		defer a.sends.end(q.GetTransfer())
		ctx, cancel := context.WithTimeout(ctx, recordingTime)
		defer cancel()
		select {
		case a.sends.slots <- struct{}{}:
			defer func() { <-a.sends.slots }()
		case <-ctx.Done():
			return
		}
		var err error
		if failed := Contain("sending a recording", func() error { err = a.answerRecording(ctx, q); return nil }); failed != nil {
			a.mistake(failed)
			err = errors.New("the agent failed")
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		a.slog.Warn("a recording was not sent", "recording", q.GetId(), "error", err)
		_, err = a.p.Server.SendRecording(ctx, &bulkheadv1.SendRecordingRequest{Transfer: q.GetTransfer(), Error: clip(err.Error(), 400), Last: true})
		if err != nil {
			a.slog.Warn("that a recording was not sent could not be said", "recording", q.GetId(), "error", err)
		}
	}()
}

// answerRecording records who asked, and then sends the recording.
func (a *Agent) answerRecording(ctx context.Context, q *bulkheadv1.WantedRecording) error {
	f, size, err := a.p.Recordings(q.GetId())
	if err != nil {
		return err
	}
	defer f.Close()
	if most := min(q.GetMostBytes(), mostRecording); size > most {
		return fmt.Errorf("it has %d bytes, and %d are wanted at most", size, most)
	}
	err = a.appendRecord(ctx, model.Record{
		Action: "RecordingSend", Resource: model.Ref{Type: "Recording", ID: q.GetId()}, Outcome: model.OutcomeAllowed,
		Changes: map[string]string{"account": clip(q.GetAccount(), 128), "account_name": clip(q.GetAccountName(), 128), "server": a.p.Server.Server()},
	})
	if err != nil {
		return fmt.Errorf("the node's audit log can't be written, and a recording does not leave without its record: %w", err)
	}
	part := make([]byte, recordingPart)
	for n := int32(0); ; n++ {
		k, err := io.ReadFull(f, part)
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return fmt.Errorf("read a recording: %w", err)
		}
		stop, err := a.sendPart(ctx, &bulkheadv1.SendRecordingRequest{Transfer: q.GetTransfer(), Part: n, Data: part[:k], Last: last})
		if stop || last || err != nil {
			return err
		}
	}
}

// sendPart sends a part until the server has it: its reader may be slower, and it may be away for a moment.
func (a *Agent) sendPart(ctx context.Context, r *bulkheadv1.SendRecordingRequest) (stop bool, err error) {
	const most = 5 // failures of one part
	for failed := 0; ; {
		res, err := a.p.Server.SendRecording(ctx, r)
		switch {
		case err != nil:
			if failed++; failed == most {
				return true, err
			}
		case res.GetStop():
			return true, nil
		case res.GetNext() > r.GetPart():
			return false, nil
		}
		if !sleep(ctx, sendAgain, nil) {
			return true, ctx.Err()
		}
	}
}
