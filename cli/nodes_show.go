package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func fieldsOf(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

func (a *App) getNode(ctx context.Context, args []string) error {
	c, id, err := a.node(ctx, args[0])
	if err != nil {
		return err
	}
	n, err := c.GetNode(ctx, &bulkheadv1.Id{Id: id})
	return a.showNode(n, err)
}

func (a *App) showNode(n *bulkheadv1.Node, err error) error {
	if err != nil {
		return remoteError(err)
	}
	return a.answer(n, func() {
		a.nodeFields(n)
		a.nodeParts(n)
	})
}

func (a *App) nodeFields(n *bulkheadv1.Node) {
	now := time.Now()
	a.fields("id", n.GetId(), "name", n.GetName(), "tenant", n.GetTenant(), "pool", n.GetPool(), "labels", labelText(n.GetLabels()),
		"sensitivity", n.GetSensitivity(), "health", healthText(n)+", since "+when(n.GetHealthSince()), "heard", since(n.GetLastSeen(), now),
		"maintenance", a.maintenanceText(n),
		"joined", when(n.GetJoined()), "agent", n.GetAgentVersion(), "addresses", strings.Join(n.GetAddresses(), ", "),
		"identity", n.GetSpiffeId(), "certificate", certificateText(n), "revoked", revokedText(n),
		"policies", versionText(n.GetPoliciesVersion(), n.GetPoliciesTarget()), "settings", versionText(n.GetSettingsVersion(), n.GetSettingsTarget()),
		"facts", since(n.GetFactsReceived(), now), "waiting there", waitingText(n),
		"status", a.counts(countOf(n.GetStatuses())), "assessed", when(n.GetAssessed()), "version", fmt.Sprint(n.GetVersion()))
}

// nodeParts are workloads and losses, where they were asked for.
func (a *App) nodeParts(n *bulkheadv1.Node) {
	if len(n.GetWorkloads()) > 0 {
		fmt.Fprintf(a.Out, "\nWorkloads, as seen last:\n")
		rows := make([][]string, 0, len(n.GetWorkloads()))
		for _, w := range n.GetWorkloads() {
			rows = append(rows, []string{w.GetName(), w.GetState(), w.GetImage(), shortID(w.GetId())})
		}
		a.table("", []string{"NAME", "STATE", "IMAGE", "ID"}, rows)
	}
	if len(n.GetLosses()) == 0 {
		return
	}
	fmt.Fprintf(a.Out, "\nWhat its silence means:\n")
	for _, l := range n.GetLosses() {
		fmt.Fprintf(a.Out, "%s  %s\n", plain(l.GetRequirement()), report.Word(a.cfg.Lang, l.GetStatus()))
		for _, line := range report.Wrap(a.inLanguage(l.GetText(), l.GetTextZh()), a.width()-2) {
			fmt.Fprintln(a.Out, "  "+line)
		}
	}
}

func (a *App) nodeFacts(ctx context.Context, args []string) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	c, id, err := a.node(ctx, args[0])
	if err != nil {
		return err
	}
	f, err := c.GetNodeFacts(ctx, &bulkheadv1.Id{Id: id})
	if err != nil {
		return remoteError(err)
	}
	if format == "json" {
		return a.printProto(f.GetSnapshot())
	}
	have := f.GetSnapshot().GetFields()
	a.fields("node", f.GetNode(), "schema", have["schema"].GetStringValue(), "received", when(f.GetReceived()))
	for _, part := range slices.Sorted(maps.Keys(have)) {
		if list := have[part].GetListValue().GetValues(); len(list) > 0 {
			a.fields(part, fmt.Sprint(len(list)))
		}
	}
	fmt.Fprintln(a.Err, "-o json gives the snapshot, which `bulkhead assess --from FILE` reads.")
	return nil
}

func healthText(n *bulkheadv1.Node) string {
	parts := []string{n.GetHealth()}
	if r := n.GetHealthReason(); r != "" {
		parts[0] += " (" + r + ")"
	}
	switch {
	case n.GetDrained():
		parts = append(parts, "drained"+stillOpen(n))
	case n.GetCordoned():
		parts = append(parts, "cordoned"+stillOpen(n))
	}
	if n.GetFlapping() {
		parts = append(parts, "flapping")
	}
	if n.GetRevoked() == nil && (behind(n.GetPoliciesVersion(), n.GetPoliciesTarget()) || behind(n.GetSettingsVersion(), n.GetSettingsTarget())) {
		parts = append(parts, "behind")
	}
	return strings.Join(parts, ", ")
}

// maintenanceText says what became of cordon and drain, e.g. "drain: applied on swarm by web-1, 2027-03-01 12:03 UTC: it is drain".
func (a *App) maintenanceText(n *bulkheadv1.Node) string {
	m := n.GetMaintenance()
	if m == nil {
		return ""
	}
	text := wish(n) + ": " + maintenanceState(m)
	if m.GetBy() != "" {
		text += " by " + m.GetBy()
	}
	if m.GetSince() != nil {
		text += ", " + when(m.GetSince())
	}
	return text + ": " + a.inLanguage(m.GetText(), m.GetTextZh())
}

func wish(n *bulkheadv1.Node) string {
	switch {
	case n.GetDrained():
		return "drain"
	case n.GetCordoned():
		return "cordon"
	}
	return "uncordon"
}

func maintenanceState(m *bulkheadv1.Maintenance) string {
	state := map[string]string{
		string(model.MaintenanceApplied): "applied", string(model.MaintenancePending): "pending", string(model.MaintenanceFailed): "failed",
		string(model.MaintenanceByHand): "changed by hand", string(model.MaintenanceNobody): "nobody can act",
		string(model.MaintenanceShown): "only shown",
	}[m.GetState()]
	if m.GetOrchestrator() != "" {
		state += " on " + m.GetOrchestrator()
	}
	return state
}

func behind(has, target int64) bool { return has < target }

func versionText(has, target int64) string {
	if behind(has, target) {
		return fmt.Sprintf("%d, to become %d", has, target)
	}
	return fmt.Sprint(has)
}

func certificateText(n *bulkheadv1.Node) string {
	if n.GetCertificateSerial() == "" {
		return ""
	}
	return n.GetCertificateSerial() + ", until " + when(n.GetCertificateEnds())
}

func revokedText(n *bulkheadv1.Node) string {
	text := when(n.GetRevoked())
	if text != "" && n.GetRevokedReason() != "" {
		text += ": " + n.GetRevokedReason()
	}
	return text
}

func waitingText(n *bulkheadv1.Node) string {
	var parts []string
	if b := n.GetSpooled(); b > 0 {
		parts = append(parts, fmt.Sprintf("%d bytes for the server", b))
	}
	if d := n.GetDropped(); d > 0 {
		parts = append(parts, fmt.Sprintf("%d findings dropped so far", d))
	}
	return strings.Join(parts, ", ")
}

// stillOpen says in a list that cordon or drain is not carried out.
func stillOpen(n *bulkheadv1.Node) string {
	m := n.GetMaintenance()
	if m == nil || m.GetState() == string(model.MaintenanceApplied) {
		return ""
	}
	return " (" + maintenanceState(m) + ")"
}

func countOf(statuses map[string]string) map[string]int32 {
	sum := map[string]int32{}
	for _, s := range statuses {
		sum[s]++
	}
	return sum
}

// bad is what a list has room for: what is not as it should be.
func (a *App) bad(statuses map[string]string) string {
	if len(statuses) == 0 {
		return "not assessed"
	}
	sum := countOf(statuses)
	met := sum[string(model.Met)]
	delete(sum, string(model.Met))
	delete(sum, string(model.NotApplicable))
	if text := a.counts(sum); text != "" {
		return text
	}
	return a.counts(map[string]int32{string(model.Met): met})
}

// since says how long ago something was, in its largest unit; "" for never.
func since(t *timestamppb.Timestamp, now time.Time) string {
	if t == nil {
		return ""
	}
	d := now.Sub(t.AsTime())
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d/time.Second))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d/time.Minute))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d/time.Hour))
	}
	return fmt.Sprintf("%d days ago", int(d/(24*time.Hour)))
}

// shortID is as much of a container's id as people use.
func shortID(id string) string {
	const enough = 12
	return id[:min(len(id), enough)]
}
