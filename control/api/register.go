// Package api has the handlers of the API, one file per service. Every call comes through control/gate, which has decided
// and recorded it before; what a decision alone can't say, such as that nobody hands out more rights than they have, is
// held to here.
//
// Handlers know the store and the other rooms through small interfaces of their own, keep no state, and answer with
// model.Error only.
package api

import (
	"net/http"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// Services are the handlers of every service. One that is nil answers "unimplemented", behind the gate like the others.
type Services struct {
	Auth        bulkheadv1connect.AuthServiceHandler
	Account     bulkheadv1connect.AccountServiceHandler
	Tenants     bulkheadv1connect.TenantServiceHandler
	Users       bulkheadv1connect.UserServiceHandler
	Groups      bulkheadv1connect.GroupServiceHandler
	Tokens      bulkheadv1connect.TokenServiceHandler
	Policies    bulkheadv1connect.PolicyServiceHandler
	Access      bulkheadv1connect.AccessServiceHandler
	Audit       bulkheadv1connect.AuditServiceHandler
	Assessments bulkheadv1connect.AssessmentServiceHandler
	Jobs        bulkheadv1connect.JobServiceHandler
	System      bulkheadv1connect.SystemServiceHandler
	Watch       bulkheadv1connect.WatchServiceHandler
	Nodes       bulkheadv1connect.NodeServiceHandler
	Agents      bulkheadv1connect.AgentServiceHandler
	Pools       bulkheadv1connect.PoolServiceHandler
	Findings    bulkheadv1connect.FindingServiceHandler
	Inventory   bulkheadv1connect.InventoryServiceHandler
	Guards      bulkheadv1connect.GuardServiceHandler
	Drills      bulkheadv1connect.DrillServiceHandler
	Reports     bulkheadv1connect.ReportServiceHandler
	Recordings  bulkheadv1connect.RecordingServiceHandler
	// Health answers the health protocol of gRPC, which is open to all; nil leaves it out.
	Health grpchealth.Checker
}

// Register mounts all services behind the gate, and reflection for signed-in callers. body bounds a request's bytes.
// more comes before the gate, e.g. traces.
func Register(mux *http.ServeMux, g *gate.Gate, s Services, body int, more ...connect.Interceptor) {
	opts := []connect.HandlerOption{
		g.HandlerOption(more...), connect.WithReadMaxBytes(body), connect.WithCompressMinBytes(1024),
		connect.WithCodec(strictJSON{"json"}), connect.WithCodec(strictJSON{"json; charset=utf-8"}),
	}
	if p, ok := s.Policies.(*Policies); ok && p != nil {
		for _, procedure := range []string{
			bulkheadv1connect.PolicyServiceApplyPoliciesProcedure, bulkheadv1connect.PolicyServiceRollbackPoliciesProcedure,
			bulkheadv1connect.PolicyServiceProposePoliciesProcedure, bulkheadv1connect.PolicyServiceDecidePolicyProposalProcedure,
		} {
			g.Prepare(procedure, p.Prepare)
		}
	}
	add := func(path string, h http.Handler) { mux.Handle(path, h) }
	add(bulkheadv1connect.NewAuthServiceHandler(or[bulkheadv1connect.AuthServiceHandler](s.Auth, bulkheadv1connect.UnimplementedAuthServiceHandler{}), opts...))
	add(bulkheadv1connect.NewAccountServiceHandler(or[bulkheadv1connect.AccountServiceHandler](s.Account, bulkheadv1connect.UnimplementedAccountServiceHandler{}), opts...))
	add(bulkheadv1connect.NewTenantServiceHandler(or[bulkheadv1connect.TenantServiceHandler](s.Tenants, bulkheadv1connect.UnimplementedTenantServiceHandler{}), opts...))
	add(bulkheadv1connect.NewUserServiceHandler(or[bulkheadv1connect.UserServiceHandler](s.Users, bulkheadv1connect.UnimplementedUserServiceHandler{}), opts...))
	add(bulkheadv1connect.NewGroupServiceHandler(or[bulkheadv1connect.GroupServiceHandler](s.Groups, bulkheadv1connect.UnimplementedGroupServiceHandler{}), opts...))
	add(bulkheadv1connect.NewTokenServiceHandler(or[bulkheadv1connect.TokenServiceHandler](s.Tokens, bulkheadv1connect.UnimplementedTokenServiceHandler{}), opts...))
	add(bulkheadv1connect.NewPolicyServiceHandler(or[bulkheadv1connect.PolicyServiceHandler](s.Policies, bulkheadv1connect.UnimplementedPolicyServiceHandler{}), opts...))
	add(bulkheadv1connect.NewAccessServiceHandler(or[bulkheadv1connect.AccessServiceHandler](s.Access, bulkheadv1connect.UnimplementedAccessServiceHandler{}), opts...))
	add(bulkheadv1connect.NewAuditServiceHandler(or[bulkheadv1connect.AuditServiceHandler](s.Audit, bulkheadv1connect.UnimplementedAuditServiceHandler{}), opts...))
	add(bulkheadv1connect.NewAssessmentServiceHandler(or[bulkheadv1connect.AssessmentServiceHandler](s.Assessments, bulkheadv1connect.UnimplementedAssessmentServiceHandler{}), opts...))
	add(bulkheadv1connect.NewJobServiceHandler(or[bulkheadv1connect.JobServiceHandler](s.Jobs, bulkheadv1connect.UnimplementedJobServiceHandler{}), opts...))
	add(bulkheadv1connect.NewSystemServiceHandler(or[bulkheadv1connect.SystemServiceHandler](s.System, bulkheadv1connect.UnimplementedSystemServiceHandler{}), opts...))
	add(bulkheadv1connect.NewWatchServiceHandler(or[bulkheadv1connect.WatchServiceHandler](s.Watch, bulkheadv1connect.UnimplementedWatchServiceHandler{}), opts...))
	add(bulkheadv1connect.NewNodeServiceHandler(or[bulkheadv1connect.NodeServiceHandler](s.Nodes, bulkheadv1connect.UnimplementedNodeServiceHandler{}), opts...))
	add(bulkheadv1connect.NewAgentServiceHandler(or[bulkheadv1connect.AgentServiceHandler](s.Agents, bulkheadv1connect.UnimplementedAgentServiceHandler{}), opts...))
	add(bulkheadv1connect.NewPoolServiceHandler(or[bulkheadv1connect.PoolServiceHandler](s.Pools, bulkheadv1connect.UnimplementedPoolServiceHandler{}), opts...))
	add(bulkheadv1connect.NewFindingServiceHandler(or[bulkheadv1connect.FindingServiceHandler](s.Findings, bulkheadv1connect.UnimplementedFindingServiceHandler{}), opts...))
	add(bulkheadv1connect.NewInventoryServiceHandler(or[bulkheadv1connect.InventoryServiceHandler](s.Inventory, bulkheadv1connect.UnimplementedInventoryServiceHandler{}), opts...))
	add(bulkheadv1connect.NewGuardServiceHandler(or[bulkheadv1connect.GuardServiceHandler](s.Guards, bulkheadv1connect.UnimplementedGuardServiceHandler{}), opts...))
	add(bulkheadv1connect.NewDrillServiceHandler(or[bulkheadv1connect.DrillServiceHandler](s.Drills, bulkheadv1connect.UnimplementedDrillServiceHandler{}), opts...))
	add(bulkheadv1connect.NewReportServiceHandler(or[bulkheadv1connect.ReportServiceHandler](s.Reports, bulkheadv1connect.UnimplementedReportServiceHandler{}), opts...))
	add(bulkheadv1connect.NewRecordingServiceHandler(or[bulkheadv1connect.RecordingServiceHandler](s.Recordings, bulkheadv1connect.UnimplementedRecordingServiceHandler{}), opts...))
	if s.Health != nil {
		add(grpchealth.NewHandler(s.Health, connect.WithReadMaxBytes(4096)))
	}
	reflector := grpcreflect.NewStaticReflector(ServiceNames()...)
	for _, mount := range []func(*grpcreflect.Reflector, ...connect.HandlerOption) (string, http.Handler){
		grpcreflect.NewHandlerV1, grpcreflect.NewHandlerV1Alpha,
	} {
		path, h := mount(reflector, connect.WithReadMaxBytes(64<<10))
		mux.Handle(path, g.SignedIn(h))
	}
}

// ServiceNames are the services of the API.
func ServiceNames() []string {
	return []string{
		bulkheadv1connect.AuthServiceName, bulkheadv1connect.AccountServiceName, bulkheadv1connect.TenantServiceName,
		bulkheadv1connect.UserServiceName, bulkheadv1connect.GroupServiceName, bulkheadv1connect.TokenServiceName,
		bulkheadv1connect.PolicyServiceName, bulkheadv1connect.AccessServiceName, bulkheadv1connect.AuditServiceName,
		bulkheadv1connect.AssessmentServiceName, bulkheadv1connect.JobServiceName, bulkheadv1connect.SystemServiceName,
		bulkheadv1connect.WatchServiceName, bulkheadv1connect.NodeServiceName, bulkheadv1connect.AgentServiceName,
		bulkheadv1connect.PoolServiceName, bulkheadv1connect.FindingServiceName, bulkheadv1connect.InventoryServiceName,
		bulkheadv1connect.GuardServiceName, bulkheadv1connect.DrillServiceName, bulkheadv1connect.ReportServiceName,
		bulkheadv1connect.RecordingServiceName,
	}
}

func or[T any](have T, otherwise T) T {
	if any(have) == nil {
		return otherwise
	}
	return have
}
