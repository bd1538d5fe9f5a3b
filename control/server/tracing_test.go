package server

import (
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// TestTracesAreSent sends traces to a receiver whose CA only the file knows.
func TestTracesAreSent(t *testing.T) {
	got := make(chan *collector.ExportTraceServiceRequest, 10)
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		sent := &collector.ExportTraceServiceRequest{}
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(b, sent) != nil {
			http.Error(w, "no traces", http.StatusBadRequest)
			return
		}
		got <- sent
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	receiver.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	receiver.StartTLS()
	defer receiver.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: receiver.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := sendTraces(t, TracingOptions{Endpoint: receiver.URL, CAFile: ca, Sample: 1, Name: "replica-1", Version: "v1"}, got); n != 3 {
		t.Errorf("%d spans came of three requests", n)
	}
	if n := sendTraces(t, TracingOptions{Endpoint: receiver.URL, CAFile: ca, Sample: 0}, got); n != 0 {
		t.Errorf("%d spans came although none was to be sampled", n)
	}
	if n := sendTraces(t, TracingOptions{Endpoint: receiver.URL, Sample: 1}, got); n != 0 {
		t.Errorf("%d spans went to a receiver that nobody vouches for", n)
	}
}

// sendTraces serves three requests, of which one wants to be sampled, and counts the spans that come.
func sendTraces(t *testing.T, o TracingOptions, got <-chan *collector.ExportTraceServiceRequest) int {
	t.Helper()
	tracing, err := NewTracing(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, hello, func(so *Options) { so.Tracing = tracing })
	for range 3 {
		get(t, s.client(t, true), "https://"+s.addr+"/x", func(r *http.Request) {
			r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		})
	}
	s.stop()
	<-s.done
	if err := tracing.Close(t.Context()); err != nil && o.CAFile != "" {
		t.Fatal(err)
	}
	n := 0
	for {
		select {
		case sent := <-got:
			for _, r := range sent.GetResourceSpans() {
				var names []string
				for _, a := range r.GetResource().GetAttributes() {
					names = append(names, a.GetKey()+"="+a.GetValue().GetStringValue())
				}
				if !slices.Contains(names, "service.name=bulkhead") || !slices.Contains(names, "service.instance.id="+o.Name) {
					t.Errorf("the spans are of %v", names)
				}
				for _, s := range r.GetScopeSpans() {
					n += len(s.GetSpans())
				}
			}
		default:
			return n
		}
	}
}

func TestTracesNeedTheirCA(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, empty + ".none"} {
		if _, err := NewTracing(t.Context(), TracingOptions{Endpoint: "https://localhost:4318", CAFile: file}); err == nil {
			t.Errorf("%s was taken for a CA", file)
		}
	}
}
