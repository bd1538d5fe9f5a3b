package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func (a *App) settingsCommand() *cobra.Command {
	cmd := verb("settings", "Show what the control plane runs with: sign-in, limits, retention, receivers; without secrets", 0,
		func(ctx context.Context, _ []string) error { return a.settings(ctx) })
	cmd.Example = `  bulkhead settings
  bulkhead settings -o json`
	a.remoteFlags(cmd)
	return cmd
}

func (a *App) settings(ctx context.Context) error {
	r, err := a.server(ctx)
	if err != nil {
		return err
	}
	s, err := bulkheadv1connect.NewSystemServiceClient(r.HTTP, r.URL).GetSettings(ctx, &bulkheadv1.Empty{})
	if err != nil {
		return remoteError(err)
	}
	return a.answer(s, func() { a.showSettings(s) })
}

func (a *App) showSettings(s *bulkheadv1.Settings) {
	in, limits := s.GetSignIn(), s.GetLimits()
	approval := strings.Join(s.GetFourEyes(), ", ")
	if approval == "" {
		approval = "asked for by no setting"
	}
	a.fields(
		"replica", s.GetReplica(), "certificate", map[string]string{"own": "of the own CA", "file": "given by file"}[s.GetCertificate()], "traces to", s.GetTraces(), "public URL", s.GetPublicUrl(),
		"passkeys", "demanded of administrators: "+yesNo(in.GetPhishingResistant()),
		"fresh factor", "for "+length(in.GetStepUp()),
		"session", fmt.Sprintf("ends after %s without a call, at the latest after %s", length(in.GetIdle()), length(in.GetAbsolute())),
		"one factor", fmt.Sprintf("after %s, at the latest after %s", length(in.GetSingleIdle()), length(in.GetSingleAbsolute())),
		"API tokens", fmt.Sprintf("%d days at most", in.GetTokenDays()),
		"blocklist", yesNo(in.GetBlocklist()),
		"second person", approval,
		"policies", map[string]string{"required": "change by proposals alone that a second person approves", "optional": "change at once, or by proposals"}[s.GetPolicyApproval()],
		"requests", fmt.Sprintf("%g/s and identity, %d at once; %d bytes, %s", limits.GetRate(), limits.GetBurst(), limits.GetBody(), length(limits.GetTimeout())),
		"before sign-in", fmt.Sprintf("%g/s and address, %d at once", limits.GetPublicRate(), limits.GetPublicBurst()),
		"connections", fmt.Sprint(limits.GetConnections()),
		"certificates", fmt.Sprintf("of nodes last %s, and %s more for their renewal", length(s.GetNodes().GetCertificate()), length(s.GetNodes().GetGrace())),
	)
	fmt.Fprintln(a.Out)
	rows := make([][]string, 0, len(s.GetRetention()))
	for _, name := range slices.Sorted(maps.Keys(s.GetRetention())) {
		rows = append(rows, []string{name, length(s.GetRetention()[name])})
	}
	a.table("nothing is kept for a time", []string{"KEPT", "FOR"}, rows)
	fmt.Fprintln(a.Out)
	a.table("no OpenID Connect provider", []string{"PROVIDER", "ISSUER", "TENANT", "SECOND FACTOR"}, each(s.GetProviders(), func(p *bulkheadv1.ProviderSettings) []string {
		return []string{p.GetName(), p.GetIssuer(), p.GetTenant(), strings.Join(append(slices.Clone(p.GetMfa()), p.GetMfaResistant()...), ", ")}
	}))
	fmt.Fprintln(a.Out)
	a.table("no receiver of alarms", []string{"ALARMS", "KIND", "HOST", "FROM SEVERITY", "RECIPIENTS"}, each(s.GetAlarms(), func(r *bulkheadv1.AlarmSettings) []string {
		return []string{r.GetName(), r.GetKind(), r.GetHost(), r.GetSeverity(), strings.Join(r.GetRecipients(), ", ")}
	}))
	fmt.Fprintln(a.Out)
	a.table("no receiver of audit records", []string{"RECORDS", "KIND", "HOST"}, each(s.GetExports(), func(e *bulkheadv1.ExportSettings) []string {
		return []string{e.GetName(), e.GetKind(), e.GetHost()}
	}))
}

// each makes a row of each item.
func each[T any](items []T, row func(T) []string) [][]string {
	rows := make([][]string, 0, len(items))
	for _, i := range items {
		rows = append(rows, row(i))
	}
	return rows
}

// length is a time span for people, in days where it is made of them.
func length(d *durationpb.Duration) string {
	span := d.AsDuration()
	if hours := int(span.Hours()); hours >= 48 && hours%24 == 0 {
		return fmt.Sprintf("%d days", hours/24)
	}
	text := span.String()
	text = strings.TrimSuffix(text, "0s")
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
