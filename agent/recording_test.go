package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/bulkhead-security/bulkhead/agent/state"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// taking is a control plane that takes recordings, and is away and slow now and then.
type taking struct {
	Server
	mu    sync.Mutex
	calls int
	got   bytes.Buffer
	next  int32
	said  string
	stop  bool
	over  chan struct{}
}

func (s *taking) SendRecording(_ context.Context, r *bulkheadv1.SendRecordingRequest) (*bulkheadv1.SendRecordingResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	switch {
	case s.calls == 2:
		return nil, errors.New("it is away")
	case r.GetError() != "":
		s.said = r.GetError()
		close(s.over)
		return &bulkheadv1.SendRecordingResponse{Stop: true}, nil
	case s.stop:
		close(s.over)
		return &bulkheadv1.SendRecordingResponse{Stop: true}, nil
	case s.calls == 4:
		return &bulkheadv1.SendRecordingResponse{Next: s.next}, nil // its reader is slower
	}
	if r.GetPart() == s.next {
		s.got.Write(r.GetData())
		s.next++
		if r.GetLast() {
			close(s.over)
		}
	}
	return &bulkheadv1.SendRecordingResponse{Next: s.next}, nil
}

// reachable is *taking with what it is called by.
type reachable struct{ *taking }

func (reachable) Server() string { return "https://plane" }

// noted is a log that takes records, or whose disk is full.
type noted struct {
	NodeLog
	full    bool
	records []model.Record
}

func (n *noted) Append(_ context.Context, r model.Record) (model.LogRecord, error) {
	if n.full {
		return model.LogRecord{}, errors.New("no space left on device")
	}
	n.records = append(n.records, r)
	return model.LogRecord{}, nil
}

func sendOne(t *testing.T, file []byte, s *taking, q *bulkheadv1.WantedRecording) *taking {
	t.Helper()
	return sendRecorded(t, file, s, q, &noted{})
}

func sendRecorded(t *testing.T, file []byte, s *taking, q *bulkheadv1.WantedRecording, log *noted) *taking {
	t.Helper()
	s.over = make(chan struct{})
	a := &Agent{
		p: Parts{Server: reachable{s}, Log: log, Recordings: func(id string) (io.ReadCloser, int64, error) {
			if id != "r1" {
				return nil, 0, errors.New("there is no such recording")
			}
			return io.NopCloser(bytes.NewReader(file)), int64(len(file)), nil
		}},
		node: &state.Node{}, slog: slog.New(slog.DiscardHandler), sends: &sender{limit: rate.NewLimiter(rate.Inf, 1), slots: make(chan struct{}, 1)},
	}
	a.sendRecording(t.Context(), q)
	select {
	case <-s.over:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s
}

func TestSendRecording(t *testing.T) {
	file := bytes.Repeat([]byte("0123456789abcdef"), 50_000) // some parts, and a rest
	s := sendOne(t, file, &taking{}, &bulkheadv1.WantedRecording{Transfer: "x", Id: "r1", MostBytes: int64(len(file))})
	if !bytes.Equal(s.got.Bytes(), file) {
		t.Errorf("%d bytes of %d came", s.got.Len(), len(file))
	}
	whole := file[:2*recordingPart] // ends with a part
	if s = sendOne(t, whole, &taking{}, &bulkheadv1.WantedRecording{Transfer: "x", Id: "r1", MostBytes: 1 << 30}); !bytes.Equal(s.got.Bytes(), whole) {
		t.Errorf("%d bytes of %d came", s.got.Len(), len(whole))
	}
	if s = sendOne(t, file, &taking{stop: true}, &bulkheadv1.WantedRecording{Transfer: "x", Id: "r1", MostBytes: 1 << 30}); s.calls != 1 {
		t.Errorf("%d calls after nothing more was wanted", s.calls)
	}
	if s = sendOne(t, file, &taking{}, &bulkheadv1.WantedRecording{Transfer: "x", Id: "r1", MostBytes: 10}); !strings.Contains(s.said, "10 are wanted") || s.got.Len() > 0 {
		t.Errorf("%q", s.said)
	}
	if s = sendOne(t, file, &taking{}, &bulkheadv1.WantedRecording{Transfer: "x", Id: "../r1", MostBytes: 10}); !strings.Contains(s.said, "no such recording") {
		t.Errorf("%q", s.said)
	}
}

// No recording leaves without its record.
func TestRecordingIsSentRecorded(t *testing.T) {
	file, log := []byte("secret"), &noted{}
	want := &bulkheadv1.WantedRecording{Transfer: "x", Id: "r1", Account: "u1", MostBytes: 1 << 20}
	if s := sendRecorded(t, file, &taking{}, want, log); !bytes.Equal(s.got.Bytes(), file) || len(log.records) != 1 || log.records[0].Changes["account"] != "u1" {
		t.Errorf("%q with %+v", s.got.Bytes(), log.records)
	}
	if s := sendRecorded(t, file, &taking{}, want, &noted{full: true}); s.got.Len() != 0 || !strings.Contains(s.said, "does not leave without its record") {
		t.Errorf("%q left, and it said %q", s.got.Bytes(), s.said)
	}
}
