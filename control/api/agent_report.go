package api

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// Report implements AgentService. Nothing is taken from a node whose clock is off: its findings would stand at the wrong place of
// history for good.
func (s *Agents) Report(ctx context.Context, r *bulkheadv1.ReportRequest) (*bulkheadv1.ReportResponse, error) {
	m, now := gate.Node(ctx), s.o.Now()
	report, err := reportIn(m, r, now)
	if err != nil {
		return nil, err
	}
	if off := report.Time.Sub(now); off.Abs() > mostSkew {
		return nil, s.wrongClock(ctx, m, report.Time, now)
	}
	a, err := s.o.Fleet.Report(ctx, m, report)
	if err != nil {
		return nil, err
	}
	return &bulkheadv1.ReportResponse{Time: stamp(s.o.Now()), Facts: a.Facts, Resync: a.Resync}, nil
}

func (s *Agents) wrongClock(ctx context.Context, m *model.Member, said, now time.Time) error {
	theirs, ours := said.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)
	off := said.Sub(now).Round(time.Second)
	message := fmt.Sprintf("the node's clock says %s, the server's %s: it is off by %s, more than %s", theirs, ours, off, mostSkew)
	s.tell(ctx, m, trouble{
		kind: model.EventClock, severity: string(model.Medium), record: ofNode(ctx, m, "NodeReport", message),
		text: model.Text{
			EN: "its clock is off by " + off.String() + "; its reports are refused until it is set",
			ZH: "该节点的时钟偏差 " + off.String() + "；在校正之前，其上报将被拒绝",
		},
	})
	return &model.Error{
		Code: model.CodeInvalid, Message: message, Field: "time",
		Remedy: "Set the machine's clock, best by NTP (`timedatectl set-ntp true`). The agent keeps its reports and sends them then.",
	}
}
