package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

const recordingID = "0198f2c4-0000-7000-8000-000000000001"

// recordedBy is the record of a recording, as a node's guard writes it.
func recordedBy(tenant, node, recording, digest string, size int, now time.Time) model.LogRecord {
	return model.LogRecord{Origin: model.NodeLogs + node, Index: 0, Record: model.Record{
		ID: "r-" + node, Time: now, Tenant: tenant, Actor: "u1", ActorName: named(tenant, "account"), Action: "SessionRecorded",
		Resource: model.Ref{Type: "Recording", ID: recording}, Outcome: model.OutcomeAllowed, Of: "d1", Changes: map[string]string{
			"digest": digest, "bytes": strconv.Itoa(size), "kind": "exec", "container": "abcdef", "container_name": named(tenant, "container"),
			"outcome": "ended", "command": "sh", "start": now.UTC().Format(time.RFC3339), "lost": "-1",
		},
	}, Event: []byte("{}")}
}

// Event implements api.RecordingTeller.
func (w *world) Event(_ context.Context, e model.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.happened = append(w.happened, e)
	return nil
}

// sending is a node that has a recording and is asked for it.
type sending struct {
	*yard
	t    *testing.T
	c    *clients
	file []byte
	node *model.Member
}

func newSending(t *testing.T, size int) *sending {
	t.Helper()
	s := &sending{yard: newYard(t), t: t, file: make([]byte, size)}
	_, _ = rand.Read(s.file)
	s.account("olga", "acme", strong(), model.RoleOwner)
	s.account("omar", "acme", strong(), model.RoleOwner)
	s.c = s.clients()
	now := time.Now()
	s.node = s.member("acme", "n-1", "web-1", now)
	if err := s.store.CreateNode(t.Context(), s.node); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(s.file)
	err := s.store.IndexRecords(t.Context(), []model.LogRecord{recordedBy("acme", s.node.ID, recordingID, "sha256:"+hex.EncodeToString(sum[:]), size, now)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *sending) request() *bulkheadv1.RecordingTransfer {
	s.t.Helper()
	x, err := s.c.recordings.RequestRecording(as(s.t, "bhs_olga"), &bulkheadv1.RequestRecordingRequest{Node: s.node.ID, Id: recordingID})
	if err != nil {
		s.t.Fatal(err)
	}
	return x
}

func (s *sending) read(who, transfer string) ([]byte, error) {
	stream, err := s.c.recordings.ReadRecording(as(s.t, who), &bulkheadv1.ReadRecordingRequest{Node: s.node.ID, Transfer: transfer})
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	var out bytes.Buffer
	for stream.Receive() {
		out.Write(stream.Msg().GetData())
	}
	return out.Bytes(), stream.Err()
}

func (s *sending) part(m *model.Member, r *bulkheadv1.SendRecordingRequest) (*bulkheadv1.SendRecordingResponse, error) {
	return s.agents.SendRecording(gate.AsNode(s.t.Context(), model.Principal{}, m, gate.Client{}), r)
}

// send sends the file as an agent does: each part again where the reader is slower, and sometimes twice.
func (s *sending) send(transfer string, file []byte) {
	const part = 256 << 10
	for n := 0; ; n++ {
		piece := file[min(n*part, len(file)):min((n+1)*part, len(file))]
		r := &bulkheadv1.SendRecordingRequest{Transfer: transfer, Part: int32(n), Data: piece, Last: len(piece) < part}
		for {
			res, err := s.part(s.node, r)
			if err != nil || res.GetStop() {
				s.t.Errorf("part %d: %v %v", n, res, err)
				return
			}
			if res.GetNext() > int32(n) {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if r.GetLast() {
			return
		}
		if res, err := s.part(s.node, r); err != nil || res.GetNext() != int32(n+1) {
			s.t.Errorf("part %d again: %v %v", n, res, err)
		}
	}
}

// A recording of more parts than wait in the store at once comes as it is, to whoever requested it and nobody else, once.
func TestReadRecording(t *testing.T) {
	s := newSending(t, 6<<20+17)
	x := s.request()
	if r := x.GetRecording(); r.GetNodeName() != "web-1" || r.GetBytes() != int64(len(s.file)) || r.GetLost() != 0 || r.GetStart() == nil {
		t.Errorf("%v", r)
	}
	if _, err := s.read("bhs_omar", x.GetId()); codeOf(t, err) != "not_found" {
		t.Errorf("somebody else reads it: %v", err)
	}
	go s.send(x.GetId(), s.file)
	got, err := s.read("bhs_olga", x.GetId())
	if err != nil || !bytes.Equal(got, s.file) {
		t.Fatalf("%d bytes: %v", len(got), err)
	}
	if _, err := s.read("bhs_olga", x.GetId()); codeOf(t, err) != "not_found" {
		t.Errorf("it is read twice: %v", err)
	}
	for n := range 30 {
		if _, err := s.store.TakePart(t.Context(), x.GetId(), n); model.CodeOf(err) != model.CodeNotFound {
			t.Errorf("part %d is left", n)
		}
	}
}

// What is not what was recorded is told, to the reader and to those who watch.
func TestChangedRecording(t *testing.T) {
	s := newSending(t, 1000)
	x := s.request()
	go s.send(x.GetId(), append([]byte("x"), s.file...))
	got, err := s.read("bhs_olga", x.GetId())
	if len(got) != 1001 || codeOf(t, err) != "conflict" || !strings.Contains(err.Error(), "not what was recorded") {
		t.Errorf("%d bytes: %v", len(got), err)
	}
	if len(s.happened) != 1 || s.happened[0].Severity != "high" || !strings.Contains(s.happened[0].Text.EN, recordingID) {
		t.Errorf("%+v", s.happened)
	}
	// A second record does not replace the first.
	second := recordedBy("acme", s.node.ID, recordingID, "sha256:00", 1, time.Now())
	second.Index, second.Record.ID = 1, "later"
	if err := s.store.IndexRecords(t.Context(), []model.LogRecord{second}); err != nil {
		t.Fatal(err)
	}
	_, err = s.c.recordings.RequestRecording(as(t, "bhs_olga"), &bulkheadv1.RequestRecordingRequest{Node: s.node.ID, Id: recordingID})
	if codeOf(t, err) != "conflict" || !strings.Contains(err.Error(), "two digests") {
		t.Error(err)
	}
}

// Who asks and never reads takes no places from others for long.
func TestUnreadTransfers(t *testing.T) {
	s := newSending(t, 1000)
	now := time.Now()
	r := &api.Recordings{Records: s.store, Nodes: s.store, Transfers: s.store, Fleet: s, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}
	ask := func() (*bulkheadv1.RecordingTransfer, error) {
		return r.RequestRecording(gate.With(t.Context(), model.Principal{Ref: model.Ref{Type: "User", ID: "u"}, Tenant: "acme"}, gate.Client{}, ""), &bulkheadv1.RequestRecordingRequest{Node: s.node.ID, Id: recordingID})
	}
	var last *bulkheadv1.RecordingTransfer
	for range 4 {
		x, err := ask()
		if err != nil || x.GetExpires().AsTime().Sub(now).Round(time.Second) != time.Minute {
			t.Fatal(x, err)
		}
		last = x
	}
	if _, err := ask(); model.CodeOf(err) != model.CodeTooMany {
		t.Fatal(err)
	}
	// One is read, slowly: it lasts, and so do its parts.
	part := &bulkheadv1.SendRecordingRequest{Transfer: last.GetId(), Data: make([]byte, 256<<10)}
	if res, err := s.part(s.node, part); err != nil || res.GetStop() {
		t.Fatal(res, err)
	}
	if err := s.store.ChangeTransfer(t.Context(), last.GetId(), func(x *model.Transfer) error {
		x.Reading, x.Expires = true, now.Add(10*time.Minute)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(61 * time.Second)
	for range 3 {
		if _, err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ask(); model.CodeOf(err) != model.CodeTooMany {
		t.Error("what is read is not counted: ", err)
	}
	if _, err := s.store.TakePart(t.Context(), last.GetId(), 0); err != nil {
		t.Error("a part of what is read is gone: ", err)
	}
}

// A transfer lasts for as long as somebody reads it, however slowly it comes; when the replica that reads it dies, it does not.
func TestReadTransferLasts(t *testing.T) {
	const part = 256 << 10
	s := newSending(t, 6*part+1)
	x := s.request()
	done := make(chan error, 1)
	go func() {
		got, err := s.read("bhs_olga", x.GetId())
		if err == nil && !bytes.Equal(got, s.file) {
			err = fmt.Errorf("%d bytes came", len(got))
		}
		done <- err
	}()
	began := time.Now()
	for n := 0; n*part < len(s.file); n++ {
		piece := s.file[n*part : min((n+1)*part, len(s.file))]
		res, err := s.part(s.node, &bulkheadv1.SendRecordingRequest{Transfer: x.GetId(), Part: int32(n), Data: piece, Last: len(piece) < part})
		if err != nil || res.GetStop() {
			t.Fatalf("after %s nothing more is wanted: %v", time.Since(began), err)
		}
		time.Sleep(unread / 6)
		if got, err := s.store.Transfer(t.Context(), x.GetId()); err == nil && time.Until(got.Expires) > unread {
			t.Errorf("without its reader it lasts until %s", got.Expires)
		}
	}
	if err := <-done; err != nil || time.Since(began) < unread {
		t.Error(err, time.Since(began))
	}
	dead := s.request()
	if err := s.store.ChangeTransfer(t.Context(), dead.GetId(), func(x *model.Transfer) error {
		x.Reading, x.Expires = true, time.Now().Add(-time.Hour)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if res, err := s.part(s.node, &bulkheadv1.SendRecordingRequest{Transfer: dead.GetId(), Data: make([]byte, part)}); err != nil || !res.GetStop() {
		t.Errorf("the node goes on for nobody: %v %v", res, err)
	}
}

func TestRecordingDoesNotCome(t *testing.T) {
	s := newSending(t, 1000)
	x := s.request()
	began := time.Now()
	if _, err := s.read("bhs_olga", x.GetId()); codeOf(t, err) != "unavailable" || !strings.Contains(err.Error(), "does not answer") {
		t.Error(err)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s", took)
	}
	// What a node says is shown; another node says nothing.
	x = s.request()
	other := s.member("acme", "n-2", "web-2", time.Now())
	if res, err := s.part(other, &bulkheadv1.SendRecordingRequest{Transfer: x.GetId(), Error: "I am another", Last: true}); err != nil || !res.GetStop() {
		t.Error(res, err)
	}
	if res, err := s.part(s.node, &bulkheadv1.SendRecordingRequest{Transfer: x.GetId(), Error: "it is gone", Last: true}); err != nil || !res.GetStop() {
		t.Error(res, err)
	}
	if _, err := s.read("bhs_olga", x.GetId()); codeOf(t, err) != "unavailable" || !strings.Contains(err.Error(), "it is gone") {
		t.Error(err)
	}
	// More than the log says is not taken.
	x = s.request()
	for n := range 2 {
		res, err := s.part(s.node, &bulkheadv1.SendRecordingRequest{Transfer: x.GetId(), Part: int32(n), Data: make([]byte, 256<<10)})
		if err != nil || n == 0 && res.GetNext() != 1 || n == 1 && !res.GetStop() {
			t.Errorf("part %d: %v %v", n, res, err)
		}
	}
	if _, err := s.read("bhs_olga", x.GetId()); codeOf(t, err) != "unavailable" || !strings.Contains(err.Error(), "more than") {
		t.Error(err)
	}
	if _, err := s.part(s.node, &bulkheadv1.SendRecordingRequest{Transfer: s.request().GetId(), Data: []byte("short")}); model.CodeOf(err) != model.CodeInvalid {
		t.Error(err)
	}
	if res, err := s.part(s.node, &bulkheadv1.SendRecordingRequest{Transfer: "none", Last: true}); err != nil || !res.GetStop() {
		t.Error(res, err)
	}
	for range 3 {
		s.request()
	}
	_, err := s.c.recordings.RequestRecording(as(t, "bhs_olga"), &bulkheadv1.RequestRecordingRequest{Node: s.node.ID, Id: recordingID})
	wantCode(t, err, "too_many_requests")
}

func TestListRecordings(t *testing.T) {
	s := newSending(t, 10)
	for i := range 30 {
		r := recordedBy("acme", s.node.ID, fmt.Sprintf("0198f2c4-0000-7000-8000-1%011d", i), "sha256:01", 1, time.Now().Add(time.Duration(i)*time.Second))
		r.Index, r.Record.ID = uint64(i+10), fmt.Sprint("more-", i)
		if i == 3 {
			r.Record.Changes["container_name"], r.Record.Changes["digest"] = "db", "sha256:02"
		}
		if err := s.store.IndexRecords(t.Context(), []model.LogRecord{r}); err != nil {
			t.Fatal(err)
		}
	}
	for i, id := range []string{"", "x; id #", "../../x", "{" + recordingID + "}", strings.ReplaceAll(recordingID, "-", "")} { // what no guard writes is in no list
		r := recordedBy("acme", s.node.ID, id, "sha256:01", 1, time.Now())
		r.Index, r.Record.ID = uint64(i+100), fmt.Sprint("bad-", i)
		if err := s.store.IndexRecords(t.Context(), []model.LogRecord{r}); err != nil {
			t.Fatal(err)
		}
	}
	ctx := as(t, "bhs_olga")
	list := func(r *bulkheadv1.ListRecordingsRequest) []*bulkheadv1.SessionRecording {
		var out []*bulkheadv1.SessionRecording
		r.Page = &bulkheadv1.Page{Size: 7}
		for {
			res, err := s.c.recordings.ListRecordings(ctx, r)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, res.GetRecordings()...)
			if r.Page.Token = res.GetNextPage(); r.Page.Token == "" {
				return out
			}
		}
	}
	for name, c := range map[string]struct {
		r    *bulkheadv1.ListRecordingsRequest
		want int
	}{
		"all":            {&bulkheadv1.ListRecordingsRequest{}, 32},
		"of the node":    {&bulkheadv1.ListRecordingsRequest{Node: s.node.ID}, 31},
		"of another":     {&bulkheadv1.ListRecordingsRequest{Node: "n-2"}, 0},
		"one":            {&bulkheadv1.ListRecordingsRequest{Node: s.node.ID, Id: recordingID}, 1},
		"of a container": {&bulkheadv1.ListRecordingsRequest{Container: "db"}, 1},
		"by its id":      {&bulkheadv1.ListRecordingsRequest{Container: "abc"}, 32},
		"of nobody":      {&bulkheadv1.ListRecordingsRequest{Account: "nobody"}, 0},
		"of somebody":    {&bulkheadv1.ListRecordingsRequest{Account: "u1"}, 32},
	} {
		if got := list(c.r); len(got) != c.want {
			t.Errorf("%s: %d recordings, want %d", name, len(got), c.want)
		}
	}
	if _, err := s.c.recordings.ListRecordings(ctx, &bulkheadv1.ListRecordingsRequest{Page: &bulkheadv1.Page{Filter: `id = "x"`}}); codeOf(t, err) != "invalid" {
		t.Error(err)
	}
}
