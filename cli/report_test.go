package cli

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"connectrpc.com/connect"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

const reportContent = `{"schema":"bulkhead.report/v1"}`

// readyReport is signed with a key of the test.
func readyReport(id string) (*bulkheadv1.Report, error) {
	private, public, err := note.GenerateKey(rand.Reader, "bulkhead/reports")
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(reportContent))
	digest := hex.EncodeToString(sum[:])
	signed, err := note.Sign(&note.Note{Text: report.Manifest("r1", map[string]model.ReportFile{"json": {Size: 31, SHA256: digest}})}, signer)
	return &bulkheadv1.Report{
		Id: id, Title: "third quarter", State: "ready", AuthorName: "aud", AsOf: timestamppb.Now(), Summary: map[string]int32{"met": 29}, Nodes: 3,
		Signature: string(signed), Key: public, Files: []*bulkheadv1.ReportFile{{Format: "json", Language: "en", Size: 31, Sha256: digest}},
	}, err
}

func (p *plane) CreateReport(_ context.Context, req *bulkheadv1.CreateReportRequest) (*bulkheadv1.Report, error) {
	p.saw(req)
	if req.GetScope().GetPool() == "none" {
		return &bulkheadv1.Report{Id: "r2", State: "failed", Error: "no room"}, nil
	}
	return &bulkheadv1.Report{Id: "r1", Title: req.GetTitle(), State: "running", Done: 1, Total: 3}, nil
}

func (p *plane) PreviewReport(context.Context, *bulkheadv1.CreateReportRequest) (*bulkheadv1.ReportPreview, error) {
	return &bulkheadv1.ReportPreview{Nodes: 3, Unassessed: 1, Requirements: 29, Names: []string{"web-1"}, Notes: []*bulkheadv1.Note{{En: "one is silent", Zh: "一个失联"}}}, nil
}

func (p *plane) ListReports(context.Context, *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListReportsResponse, error) {
	r, err := readyReport("r1")
	return &bulkheadv1.ListReportsResponse{Reports: []*bulkheadv1.Report{r}}, err
}

func (p *plane) GetReport(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.Report, error) {
	return readyReport(req.GetId())
}

func (p *plane) DownloadReport(_ context.Context, req *bulkheadv1.DownloadReportRequest, s *connect.ServerStream[bulkheadv1.ReportPiece]) error {
	content := reportContent
	if req.GetFormat() != "json" {
		content += " changed on the way"
	}
	for i := range content {
		if err := s.Send(&bulkheadv1.ReportPiece{Data: []byte{content[i]}}); err != nil {
			return err
		}
	}
	return nil
}

func (p *plane) DeleteReport(context.Context, *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	return &bulkheadv1.Empty{}, nil
}

func (p *plane) RequestException(_ context.Context, req *bulkheadv1.RequestExceptionRequest) (*bulkheadv1.ExceptionRequest, error) {
	return &bulkheadv1.ExceptionRequest{Id: "q1", State: "pending", Requester: "u1", Exception: req.GetException()}, nil
}

func (p *plane) ListExceptionRequests(_ context.Context, req *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListExceptionRequestsResponse, error) {
	p.saw(req)
	return &bulkheadv1.ListExceptionRequestsResponse{Requests: []*bulkheadv1.ExceptionRequest{{
		Id: "q1", State: "pending", Requester: "u1", Exception: &bulkheadv1.Exception{Check: "8.1.c", Owner: "alice", Expires: "2027-01-31", Reason: "late"},
	}}}, nil
}

func (p *plane) GetExceptionRequest(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.ExceptionRequest, error) {
	return &bulkheadv1.ExceptionRequest{Id: req.GetId(), State: "approved"}, nil
}

func (p *plane) DecideException(_ context.Context, req *bulkheadv1.DecideExceptionRequest) (*bulkheadv1.ExceptionRequest, error) {
	state := "rejected"
	if req.GetApprove() {
		state = "approved"
	}
	return &bulkheadv1.ExceptionRequest{Id: req.GetId(), State: state, Note: req.GetNote()}, nil
}

func (p *plane) WithdrawExceptionRequest(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.ExceptionRequest, error) {
	return &bulkheadv1.ExceptionRequest{Id: req.GetId(), State: "withdrawn"}, nil
}

func TestReportVerbs(t *testing.T) {
	dir := t.TempDir()
	file, other := filepath.Join(dir, "report.json"), filepath.Join(dir, "other.json")
	if err := os.WriteFile(other, []byte(reportContent+" "), 0o600); err != nil {
		t.Fatal(err)
	}
	runVerbs(t, newPlane(t), []verbCase{
		{"report create --label zone", ExitError, "NAME=VALUE"},
		{"report create --as-of soon", ExitError, "--as-of"},
		{"report create --preview", ExitOK, "one is silent"},
		{"report create --preview --lang zh", ExitOK, "一个失联"},
		{"report create --title Q3 --requirement 8.1,8.5.c --label zone=a --since 24h", ExitOK, "1 of 3 nodes"},
		{"report create --title Q3 --wait", ExitOK, "third quarter"},
		{"report create --pool none", ExitNo, "no room"},
		{"report list", ExitOK, "third quarter  ready"},
		{"report show r1", ExitOK, "sha256:"},
		{"report download r1", ExitOK, report.FleetSchema},
		{"report download r1 --file " + file, ExitOK, ""},
		{"report download r1 --format html", ExitError, "is not what was signed"},
		{"report verify r1 " + file, ExitOK, "as it was signed by bulkhead/reports"},
		{"report verify r1 " + other, ExitNo, "is not what was signed"},
		{"report verify r1 " + filepath.Join(dir, "none"), ExitError, "no such file"},
		{"report delete r1", ExitError, "add --yes"},
		{"report delete r1 -y", ExitOK, "deleted the report r1"},
		{"exceptions request 8.1.c --owner alice --reason late --expires 2027-01-31", ExitOK, "pending"},
		{"exceptions requests --pending", ExitOK, "pending  8.1.c  all   alice  2027-01-31  u1        late    q1"},
		{"exceptions show-request q1", ExitOK, "approved"},
		{"exceptions approve q1", ExitOK, "approved"},
		{"exceptions reject q1", ExitError, "required flag"},
		{"exceptions reject q1 --note later", ExitOK, "later"},
		{"exceptions withdraw q1", ExitOK, "withdrawn"},
	})
	fi, err := os.Stat(file)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Error(fi, err)
	}
}
