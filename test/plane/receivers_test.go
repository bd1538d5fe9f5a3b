//go:build e2e

package plane

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receivers take what a server sends out: a webhook, and a collector of logs and traces.
type receivers struct {
	server *httptest.Server
	key    string

	mu    sync.Mutex
	hook  []string // bodies with a good signature
	logs  []string // bodies of log records
	spans []string // names
	wrong []string
}

func startReceivers(t *testing.T, key string) *receivers {
	t.Helper()
	r := &receivers{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hook", r.takeHook)
	mux.HandleFunc("POST /v1/logs", r.takeLogs)
	mux.HandleFunc("POST /v1/traces", r.takeTraces)
	r.server = httptest.NewTLSServer(mux)
	t.Cleanup(r.server.Close)
	return r
}

func (r *receivers) takeHook(w http.ResponseWriter, req *http.Request) {
	b, err := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	mac := hmac.New(sha256.New, []byte(r.key))
	mac.Write([]byte(req.Header.Get("Bulkhead-Timestamp") + "." + string(b)))
	if want := "v1=" + hex.EncodeToString(mac.Sum(nil)); err != nil || !hmac.Equal([]byte(want), []byte(req.Header.Get("Bulkhead-Signature"))) {
		r.wrong = append(r.wrong, "webhook: "+req.Header.Get("Bulkhead-Signature"))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	r.hook = append(r.hook, string(b))
}

func (r *receivers) takeLogs(w http.ResponseWriter, req *http.Request) {
	sent := &collogs.ExportLogsServiceRequest{}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.read(w, req, sent) {
		return
	}
	for _, resource := range sent.GetResourceLogs() {
		for _, scope := range resource.GetScopeLogs() {
			for _, l := range scope.GetLogRecords() {
				r.logs = append(r.logs, l.GetBody().String())
			}
		}
	}
}

func (r *receivers) takeTraces(w http.ResponseWriter, req *http.Request) {
	sent := &coltrace.ExportTraceServiceRequest{}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.read(w, req, sent) {
		return
	}
	for _, resource := range sent.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				r.spans = append(r.spans, s.GetName())
			}
		}
	}
}

func (r *receivers) read(w http.ResponseWriter, req *http.Request, into proto.Message) bool {
	body, err := unzipped(req)
	var b []byte
	if err == nil {
		b, err = io.ReadAll(body)
	}
	if err == nil {
		err = proto.Unmarshal(b, into)
	}
	if err != nil {
		r.wrong = append(r.wrong, req.URL.Path+": "+err.Error())
		w.WriteHeader(http.StatusBadRequest)
		return false
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	return true
}

// has says whether all receivers have a record of an action, and the traces a span of a method.
func (r *receivers) has(action, method, file string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	in := func(list []string, what string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, what) })
	}
	return in(r.hook, `"`+action+`"`) && in(r.logs, action) && in(r.spans, method) && in(jsonLines(file), `"`+action+`"`)
}

// jsonLines are the lines of a file that are JSON.
func jsonLines(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var all []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if json.Valid(lines.Bytes()) {
			all = append(all, lines.Text())
		}
	}
	return all
}

// caFile writes a test server's certificate, as a CA for those who are to trust it.
func caFile(t *testing.T, s *httptest.Server) string {
	t.Helper()
	return writeFile(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
