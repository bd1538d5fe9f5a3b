package cli

import (
	"context"
	"fmt"
	"os"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// drillTimes are when each drill ended, by its id.
type drillTimes map[string]*timestamppb.Timestamp

// publishDrills sends results to the control plane, as of a node; "" means this machine's name.
func (a *App) publishDrills(ctx context.Context, node string, report model.DrillReport, at drillTimes) error {
	if node == "" {
		var err error
		if node, err = os.Hostname(); err != nil {
			return fmt.Errorf("name of this machine: %w; give --node", err)
		}
	}
	r, err := a.server(ctx)
	if err != nil {
		return err
	}
	req := &bulkheadv1.PublishDrillsRequest{Tenant: a.remote.tenant, Node: node, Version: a.Build.Version}
	for _, x := range report.Results {
		req.Results = append(req.Results, &bulkheadv1.DrillResult{
			Drill: x.ID, Verdict: string(x.Verdict), WithoutControl: string(x.WithoutControl), WithControl: string(x.WithControl), Why: cutTo(x.Why, 4000),
			DurationMs: x.DurationMS, Ran: at[x.ID],
		})
	}
	made, err := bulkheadv1connect.NewDrillServiceClient(r.HTTP, r.URL).PublishDrills(ctx, req)
	if err != nil {
		return remoteError(err)
	}
	tenant := ""
	if len(made.GetResults()) > 0 {
		tenant = made.GetResults()[0].GetTenant()
	}
	fmt.Fprintf(a.Err, "bulkhead: published %d results of %s in the tenant %s\n", len(made.GetResults()), plain(node), plain(tenant))
	return nil
}

// cutTo bounds a text in runes.
func cutTo(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
