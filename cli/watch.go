package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func (a *App) watchCommand() *cobra.Command {
	req := &bulkheadv1.WatchRequest{}
	var most int
	cmd := verb("watch", "Show what changes, as it changes", 0, func(ctx context.Context, _ []string) error {
		req.Tenant = a.remote.tenant
		return a.watch(ctx, req, most)
	})
	cmd.Long = `Shows what is made, changed and deleted, of what you may read, until interrupted. With -o json each change is one line of
JSON. The cursor of the last one that was seen goes on from there; when it is too old the watch ends with "expired": list
again, then watch.`
	cmd.Example = `  bulkhead watch --tenant acme --kind User --kind Token
  bulkhead watch -o json | jq -r .object.id
  bulkhead watch --cursor 1234 --count 10`
	cmd.Flags().StringSliceVar(&req.Kinds, "kind", nil, "only this `kind`, e.g. User; can be given more than once")
	cmd.Flags().StringVar(&req.Cursor, "cursor", "", "go on after this `cursor`")
	cmd.Flags().IntVar(&most, "count", 0, "end after this many changes")
	complete(cmd, "kind", "Tenant", "User", "Group", "Token", "Session", "Policy", "AccessRequest", "Assessment",
		"Node", "Event", "JoinToken", "Exception", "Pool", "Rollout", "Bundle")
	a.remoteFlags(cmd)
	a.tenantFlag(cmd)
	return cmd
}

func (a *App) watch(ctx context.Context, req *bulkheadv1.WatchRequest, most int) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	r, err := a.server(ctx)
	if err != nil {
		return err
	}
	stream, err := bulkheadv1connect.NewWatchServiceClient(r.HTTP, r.URL).Watch(ctx, req)
	if err != nil {
		return remoteError(err)
	}
	defer func() { _ = stream.Close() }() // the stream's own error says more
	for n := 0; stream.Receive(); {
		c := stream.Msg()
		if c.GetOperation() == "alive" {
			continue
		}
		if err := a.showChange(format, c); err != nil {
			return err
		}
		if n++; n == most {
			return nil
		}
	}
	if ctx.Err() != nil {
		return nil // interrupted, which is how a watch ends
	}
	return remoteError(stream.Err())
}

func (a *App) showChange(format string, c *bulkheadv1.Change) error {
	if format == "text" {
		_, err := fmt.Fprintf(a.Out, "%s  %-7s  %s %s  (%s)\n", when(c.GetTime()), plain(c.GetOperation()),
			plain(c.GetObject().GetType()), plain(c.GetObject().GetId()), plain(c.GetTenant()))
		return err
	}
	b, err := protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(c)
	if err != nil {
		return fmt.Errorf("write the change: %w", err)
	}
	return json.NewEncoder(a.Out).Encode(json.RawMessage(b))
}
