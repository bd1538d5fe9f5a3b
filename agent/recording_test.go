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

// waiting takes a part when it is told to.
type waiting struct {
	Server
	came, take chan *bulkheadv1.SendRecordingRequest
}

// waited is *waiting with what it is called by.
type waited struct{ *waiting }

func (waited) Server() string { return "https://plane" }

func (s *waiting) SendRecording(_ context.Context, r *bulkheadv1.SendRecordingRequest) (*bulkheadv1.SendRecordingResponse, error) {
	s.came <- r
	<-s.take
	return &bulkheadv1.SendRecordingResponse{Next: r.GetPart() + 1}, nil
}

// What a server asks for again, after the stream opened anew, is not sent twice at once.
func TestRecordingIsSentOnce(t *testing.T) {
	s := &waiting{came: make(chan *bulkheadv1.SendRecordingRequest, 9), take: make(chan *bulkheadv1.SendRecordingRequest)}
	log := &noted{}
	a := &Agent{
		p: Parts{Server: waited{s}, Log: log, Recordings: func(string) (io.ReadCloser, int64, error) {
			return io.NopCloser(strings.NewReader("x")), 1, nil
		}},
		node: &state.Node{}, slog: slog.New(slog.DiscardHandler), sends: &sender{limit: rate.NewLimiter(rate.Inf, 1), slots: make(chan struct{}, 2)},
	}
	q := &bulkheadv1.WantedRecording{Transfer: "x", Id: "r1", MostBytes: 10}
	a.sendRecording(t.Context(), q)
	<-s.came
	a.sendRecording(t.Context(), q)
	a.sendRecording(t.Context(), &bulkheadv1.WantedRecording{Transfer: "y", Id: "r1", MostBytes: 10})
	if r := <-s.came; r.GetTransfer() != "y" {
		t.Errorf("%s is sent twice", r.GetTransfer())
	}
	close(s.take)
	for range 2 { // both end
		a.sends.slots <- struct{}{}
	}
	if len(log.records) != 2 {
		t.Errorf("%+v", log.records)
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
