package cli

import (
	"context"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// recordedPlane says of recordings whatever its test has it say.
type recordedPlane struct {
	bulkheadv1connect.UnimplementedRecordingServiceHandler
	all []*bulkheadv1.SessionRecording
}

func (p *recordedPlane) ListRecordings(context.Context, *bulkheadv1.ListRecordingsRequest) (*bulkheadv1.ListRecordingsResponse, error) {
	return &bulkheadv1.ListRecordingsResponse{Recordings: p.all}, nil
}

// One record that is none of a guard's hides no other: it is told of, and left out.
func TestRemoteRecordingsWithABadOne(t *testing.T) {
	const good = "0198f2c4-0000-7000-8000-000000000001"
	p := &recordedPlane{}
	for _, id := range []string{"../../../etc/x", good, "x; id #", "{" + good + "}", "urn:uuid:" + good, strings.ReplaceAll(good, "-", "")} {
		p.all = append(p.all, &bulkheadv1.SessionRecording{Id: id, Record: "bulkhead/node/n/7", Digest: "sha256:00", ContainerName: "web"})
	}
	mux := http.NewServeMux()
	mux.Handle(bulkheadv1connect.NewRecordingServiceHandler(p))
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	s := newShell(t)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	if err := (&App{Environ: []string{"XDG_CONFIG_HOME=" + s.home}}).keepSession(server.URL, session{CA: ca, Secret: "bhs_first", Name: "alice", Tenant: "system"}); err != nil {
		t.Fatal(err)
	}
	code, out, errs := s.run(t, "guard", "sessions", "list", "--node", strings.Repeat("a", 32))
	if code != ExitOK || strings.Count(out, "web") != 1 || !strings.Contains(out, good) || strings.Count(errs, "left out: record bulkhead/node/n/7") != 5 {
		t.Errorf("exit %d: %s\n%s", code, out, errs)
	}
}
