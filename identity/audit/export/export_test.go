package export

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leodido/go-syslog/v4/rfc5424"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/deliver"
	"github.com/bulkhead-security/bulkhead/model"
)

// memory is a log.
type memory struct {
	mu      sync.Mutex
	records []model.LogRecord
	grown   chan struct{}
}

func newMemory(n int) *memory {
	m := &memory{grown: make(chan struct{})}
	for i := range n {
		m.Append(context.Background(), model.Record{ID: fmt.Sprint("id-", i), Time: time.Unix(1700000000, 123456000), Action: "TenantUpdate", Outcome: model.OutcomeAllowed})
	}
	return m
}

func (m *memory) Origin() string { return "bulkhead/test" }

func (m *memory) Size() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return uint64(len(m.records))
}

func (m *memory) Wait(ctx context.Context, n uint64) error {
	for m.Size() <= n {
		m.mu.Lock()
		grown := m.grown
		m.mu.Unlock()
		if m.Size() > n {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (m *memory) Read(_ context.Context, from uint64, n int) ([]model.LogRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.records[from:min(from+uint64(n), uint64(len(m.records)))], nil
}

func (m *memory) Append(_ context.Context, r model.Record) (model.LogRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := model.LogRecord{
		Origin: "bulkhead/test", Index: uint64(len(m.records)), Record: r,
		Event: fmt.Appendf(nil, `{"metadata":{"uid":%q},"status_detail":%q}`, r.ID, strings.Repeat("é", 100)),
	}
	m.records = append(m.records, l)
	close(m.grown)
	m.grown = make(chan struct{})
	return l, nil
}

// got counts the ids that a receiver has.
type got struct {
	mu   sync.Mutex
	ids  map[string]int
	want int
	all  chan struct{}
}

func newGot(want int) *got { return &got{ids: map[string]int{}, want: want, all: make(chan struct{})} }

func (g *got) add(t *testing.T, event []byte) {
	t.Helper()
	var e struct {
		Metadata struct {
			UID      string `json:"uid"`
			LogName  string `json:"log_name"`
			Sequence *int   `json:"sequence"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(event, &e); err != nil || e.Metadata.LogName != "bulkhead/test" || e.Metadata.Sequence == nil {
		t.Errorf("%v in %s", err, event)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ids[e.Metadata.UID]++
	if len(g.ids) == g.want && g.ids[e.Metadata.UID] == 1 {
		close(g.all)
	}
}

func (g *got) wait(t *testing.T) {
	t.Helper()
	select {
	case <-g.all:
	case <-time.After(time.Minute):
		g.mu.Lock()
		defer g.mu.Unlock()
		t.Fatalf("%d of %d records came", len(g.ids), g.want)
	}
}

// start runs an exporter until stop is called.
func start(t *testing.T, o Options, s Spec) (stop func()) {
	t.Helper()
	if o.Receiver == nil {
		r, err := NewReceiver(s)
		if err != nil {
			t.Fatal(err)
		}
		o.Receiver = r
	}
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

func options(t *testing.T, m *memory) Options {
	return Options{Name: "r", Source: m, Recorder: m, Position: filepath.Join(t.TempDir(), "position")}
}

func caFile(t *testing.T, s *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func secretFile(t *testing.T, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLinesAreRotatedAndResumed(t *testing.T) {
	m, path := newMemory(300), filepath.Join(t.TempDir(), "audit.jsonl")
	o := options(t, m)
	sent := make(chan Stats, 1000)
	o.Report = func(s Stats) { sent <- s }
	upTo := func(n uint64) {
		for s := range sent {
			if s.Next >= n {
				return
			}
		}
	}
	stop := start(t, o, Spec{Kind: "jsonl", To: path})
	upTo(300)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	m.Append(t.Context(), model.Record{ID: "after"})
	upTo(301)
	stop()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"unfinished`)
	f.Close()
	m.Append(t.Context(), model.Record{ID: "restarted"})
	stop = start(t, o, Spec{Kind: "jsonl", To: path})
	upTo(302)
	stop()
	g := newGot(302)
	for _, p := range []string{path + ".1", path} {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(b)) {
			if l != "{\"unfinished\n" {
				g.add(t, []byte(l))
			}
		}
	}
	g.wait(t)
	for id, n := range g.ids {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Error(info.Mode())
	}
}

func TestWebhookThatIsDeadThenSlow(t *testing.T) {
	const secret = "0123456789abcdef0123"
	m, g := newMemory(450), newGot(450)
	var mu sync.Mutex
	calls := 0
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		want := deliver.Sign([]byte(secret), r.Header.Get(deliver.HeaderTimestamp), body)
		if !hmac.Equal([]byte(want), []byte(r.Header.Get(deliver.HeaderSignature))) {
			t.Errorf("signature %q", r.Header.Get(deliver.HeaderSignature))
		}
		mu.Lock()
		calls++
		n := calls
		mu.Unlock()
		switch n {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case 2:
			http.Redirect(w, r, "https://elsewhere.invalid/", http.StatusTemporaryRedirect)
			return
		case 3:
			panic(http.ErrAbortHandler)
		}
		var d delivery
		if err := json.Unmarshal(body, &d); err != nil {
			t.Error(err)
		}
		for _, e := range d.Records {
			g.add(t, e)
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer s.Close()
	s.Config.ErrorLog = nil
	defer start(t, options(t, m), Spec{Kind: "webhook", To: s.URL, CAFile: caFile(t, s), SecretFile: secretFile(t, secret)})()
	g.wait(t)
}

// receiver is a syslog server that is killed after so many messages, its connection reset with what it did not read.
type receiver struct {
	l    net.Listener
	conf *tls.Config
}

func (r *receiver) serve(t *testing.T, g *got, most int) {
	for n := 0; ; {
		conn, err := r.l.Accept()
		if err != nil {
			return
		}
		c := tls.Server(conn, r.conf)
		in := bufio.NewReader(c)
		for {
			size, err := in.ReadString(' ')
			if err != nil {
				break
			}
			length, err := strconv.Atoi(strings.TrimSpace(size))
			if err != nil {
				t.Errorf("framing: %q", size)
				return
			}
			text := make([]byte, length)
			if _, err := io.ReadFull(in, text); err != nil {
				break
			}
			p, err := rfc5424.NewParser().Parse(text)
			if err != nil {
				t.Errorf("%v in %s", err, text)
				return
			}
			if sm := p.(*rfc5424.SyslogMessage); *sm.Facility != 13 || *sm.Appname != "bulkhead" {
				t.Errorf("%s", text)
			} else {
				g.add(t, []byte(*sm.Message))
			}
			if n++; n == most {
				conn.(*net.TCPConn).SetLinger(0)
				conn.Close()
				r.l.Close()
				return
			}
		}
		c.Close()
	}
}

func TestSyslogThatIsRestarted(t *testing.T) {
	helper := httptest.NewTLSServer(nil)
	defer helper.Close()
	conf := &tls.Config{Certificates: helper.TLS.Certificates}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	m, g := newMemory(3000), newGot(3001)
	stop := start(t, options(t, m), Spec{Kind: "syslog", To: address, CAFile: caFile(t, helper)})
	(&receiver{l, conf}).serve(t, g, 700) // returns when it died
	if l, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() { (&receiver{l, conf}).serve(t, g, 1<<30) })
	m.Append(t.Context(), model.Record{ID: "after", Action: "bad name ü", Outcome: model.OutcomeRefused, Time: time.Now()})
	g.wait(t)
	l.Close()
	stop()
	wait.Wait()
}

func TestOTLP(t *testing.T) {
	m, g := newMemory(250), newGot(250)
	var mu sync.Mutex
	failed := false
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer 0123456789abcdef" || r.URL.Path != "/v1/logs" {
			t.Errorf("%s %q", r.URL.Path, r.Header.Get("Authorization"))
		}
		mu.Lock()
		first := !failed
		failed = true
		mu.Unlock()
		if first {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		body, err := io.ReadAll(z)
		var q collogs.ExportLogsServiceRequest
		if err = errors.Join(err, proto.Unmarshal(body, &q)); err != nil {
			t.Error(err)
		}
		for _, rl := range q.ResourceLogs {
			for _, sl := range rl.ScopeLogs {
				for _, r := range sl.LogRecords {
					g.add(t, []byte(r.Body.GetStringValue()))
				}
			}
		}
	}))
	defer s.Close()
	defer start(t, options(t, m), Spec{Kind: "otlp", To: s.URL + "/v1/logs", CAFile: caFile(t, s), SecretFile: secretFile(t, "0123456789abcdef")})()
	g.wait(t)
}

// dead takes nothing until it is told to.
type dead struct {
	mu    sync.Mutex
	alive bool
	got   []uint64
	tried chan struct{}
}

func (d *dead) Send(_ context.Context, records []model.LogRecord) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case d.tried <- struct{}{}:
	default:
	}
	if !d.alive {
		return errors.New("dead")
	}
	for _, r := range records {
		d.got = append(d.got, r.Index)
	}
	return nil
}

func (d *dead) Close() error { return nil }

func TestLagIsBoundedAndSkippingIsRecorded(t *testing.T) {
	m, d := newMemory(10), &dead{tried: make(chan struct{})}
	o := options(t, m)
	o.Receiver, o.Spool = d, 100
	done := make(chan Stats, 1000)
	o.Report = func(s Stats) { done <- s }
	stop := start(t, o, Spec{})
	<-d.tried
	for range 300 {
		m.Append(t.Context(), model.Record{ID: "x"})
	}
	d.mu.Lock()
	d.alive = true
	d.mu.Unlock()
	var last Stats
	for last = range done {
		if last.Next == m.Size() {
			break
		}
	}
	stop()
	if last.Skipped == 0 || last.Sent+last.Skipped != m.Size() || last.Failures == 0 {
		t.Errorf("%+v of %d", last, m.Size())
	}
	if d.got[0] != last.Skipped || len(d.got) != int(last.Sent) {
		t.Errorf("the first record is %d, %d came", d.got[0], len(d.got))
	}
	r := m.records[len(m.records)-1].Record
	if r.Action != ActionSkipped || r.Changes["from"] != "0" || r.Changes["to"] != fmt.Sprint(last.Skipped-1) {
		t.Errorf("%+v", r)
	}
	if _, err := New(Options{Source: other{m}, Position: o.Position}); err == nil || !strings.Contains(err.Error(), "not of") {
		t.Errorf("the position of another log: %v", err)
	}
}

type other struct{ *memory }

func (other) Origin() string { return "bulkhead/other" }

func TestReceiversThatAreWronglyConfigured(t *testing.T) {
	short := secretFile(t, "short")
	for _, s := range []Spec{
		{Kind: "carrier pigeon"},
		{Kind: "syslog", To: "nowhere"},
		{Kind: "webhook", To: "http://a/"},
		{Kind: "webhook", To: "https://a/"},
		{Kind: "webhook", To: "https://a/", SecretFile: short},
		{Kind: "otlp", To: "http://a/"},
		{Kind: "otlp", To: "https://a/", CAFile: short},
		{Kind: "syslog", To: "a:1", CertFile: short, KeyFile: short},
	} {
		if _, err := NewReceiver(s); err == nil {
			t.Errorf("%+v is no error", s)
		} else if strings.Contains(err.Error(), "short\n") {
			t.Error(err)
		}
	}
}

func TestLineOfAnEntryThatIsNoEvent(t *testing.T) {
	for _, event := range []string{"no json", `{"metadata":7}`, `[]`} {
		b, err := line(&model.LogRecord{Origin: "o", Index: 3, Event: []byte(event)})
		if err != nil || !json.Valid(b) || bytes.ContainsRune(b, '\n') {
			t.Errorf("%s: %v", b, err)
		}
	}
}
