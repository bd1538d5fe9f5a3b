package main

import (
	"net"
	"net/url"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/bulkhead-security/bulkhead/config"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// settingsOf is what the API tells of the configuration: no secret, no path of a file with one, and of receivers' addresses the host
// only, since chat systems put their secret into the path.
func settingsOf(c config.Server) *bulkheadv1.Settings {
	out := &bulkheadv1.Settings{
		PublicUrl: c.PublicURL, Replica: c.Name, FourEyes: c.FourEyes, Certificate: "own", Traces: hostOf(c.Telemetry.Endpoint),
		PolicyApproval: c.Policies.Approval,
		SignIn: &bulkheadv1.SignInSettings{
			PhishingResistant: c.SignIn.PhishingResistant, StepUp: durationpb.New(c.SignIn.StepUp), Idle: durationpb.New(c.SignIn.Idle),
			Absolute: durationpb.New(c.SignIn.Absolute), SingleIdle: durationpb.New(c.SignIn.SingleIdle),
			SingleAbsolute: durationpb.New(c.SignIn.SingleAbsolute), TokenDays: int32(c.SignIn.TokenDays), Blocklist: c.SignIn.Blocklist != "",
		},
		Limits: &bulkheadv1.LimitSettings{
			Body: c.Limits.Body, Connections: int32(c.Limits.Connections), Timeout: durationpb.New(c.Limits.Timeout), Rate: c.Limits.Rate,
			Burst: int32(min(c.Limits.Burst, 1<<30)), PublicRate: c.Limits.PublicRate, PublicBurst: int32(min(c.Limits.PublicBurst, 1<<30)),
		},
		Retention: retentionOf(c.Retention),
		Nodes:     &bulkheadv1.NodeSettings{Certificate: durationpb.New(c.Nodes.Certificate), Grace: durationpb.New(c.Nodes.Grace)},
	}
	if c.TLS.Cert != "" {
		out.Certificate = "file"
	}
	for _, p := range c.OIDC {
		out.Providers = append(out.Providers, &bulkheadv1.ProviderSettings{
			Name: p.Name, Issuer: p.Issuer, Tenant: p.Tenant, Groups: p.Groups, CreateUsers: p.CreateUsers, Mfa: p.MFA, MfaResistant: p.MFAResistant,
		})
	}
	for i := range c.Alarms {
		a := &c.Alarms[i]
		severity := a.Severity
		if severity == "" {
			severity = "high"
		}
		out.Alarms = append(out.Alarms, &bulkheadv1.AlarmSettings{
			Name: a.Name, Kind: a.Kind, Host: hostOf(a.To), Recipients: a.Recipients, Severity: severity, Kinds: a.Kinds, Tenants: a.Tenants,
		})
	}
	for _, e := range c.Export {
		to := &bulkheadv1.ExportSettings{Name: e.Name, Kind: e.Kind}
		if e.Kind != "jsonl" {
			to.Host = hostOf(e.To)
		}
		out.Exports = append(out.Exports, to)
	}
	return out
}

func retentionOf(r config.Retention) map[string]*durationpb.Duration {
	out := map[string]*durationpb.Duration{}
	for name, d := range map[string]time.Duration{
		"audit_index": r.AuditIndex, "assessments": r.Assessments, "sessions": r.Sessions, "tokens": r.Tokens, "changes": r.Changes,
		"jobs": r.Jobs, "events": r.Events, "findings": r.Findings, "rollouts": r.Rollouts,
		"objects": r.Objects, "proposals": r.Proposals, "reports": r.Reports,
	} {
		out[name] = durationpb.New(d)
	}
	return out
}

// hostOf is the host of a URL or of host:port.
func hostOf(to string) string {
	if u, err := url.Parse(to); err == nil && u.Host != "" {
		return u.Host
	}
	if _, _, err := net.SplitHostPort(to); err == nil {
		return to
	}
	return ""
}
