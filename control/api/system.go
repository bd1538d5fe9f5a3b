package api

import (
	"context"
	"maps"
	"time"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// System implements SystemService.
type System struct {
	Version     string
	Database    string // "sqlite" or "postgresql"
	Replica     string
	Started     time.Time
	AuditOrigin string
	AuditKey    string
	PolicyKey   string // of signed notes
	// BreakGlass says whether the break-glass of the audit log is open; nil means it never is.
	BreakGlass func() bool
	// Controls gives the controls with their mode; nil gives none.
	Controls func() map[string]string
	// Settings is what the replica runs with, without secrets.
	Settings *bulkheadv1.Settings
}

// GetSettings implements SystemService.
func (s *System) GetSettings(context.Context, *bulkheadv1.Empty) (*bulkheadv1.Settings, error) {
	if s.Settings == nil {
		return &bulkheadv1.Settings{}, nil
	}
	return s.Settings, nil
}

// GetInfo implements SystemService.
func (s *System) GetInfo(context.Context, *bulkheadv1.Empty) (*bulkheadv1.Info, error) {
	out := &bulkheadv1.Info{
		Version: s.Version, Database: s.Database, Replica: s.Replica, Started: stamp(s.Started), AuditOrigin: s.AuditOrigin,
		AuditKey: s.AuditKey, PolicyKey: s.PolicyKey, BreakGlass: s.BreakGlass != nil && s.BreakGlass(),
	}
	if s.Controls != nil {
		out.Controls = maps.Clone(s.Controls())
	}
	return out, nil
}
