package api_test

import (
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func theirs(kind string) *bulkheadv1.Id { return &bulkheadv1.Id{Id: id("globex", kind)} }

func their(kind, what string) *bulkheadv1.ObjectRef {
	return &bulkheadv1.ObjectRef{Type: kind, Id: id("globex", what)}
}

func listing(tenant, filter, token string) *bulkheadv1.ListInTenantRequest {
	return &bulkheadv1.ListInTenantRequest{Tenant: tenant, Page: &bulkheadv1.Page{Filter: filter, Token: token}}
}

func searching(tenant, filter string) *bulkheadv1.SearchRecordsRequest {
	return &bulkheadv1.SearchRecordsRequest{Tenant: tenant, Page: &bulkheadv1.Page{Filter: filter}}
}

const theirRecord = "log/2" // globex is the third of the tenants

// crossingReads name what is theirs: it is not there.
func crossingReads(c *clients) map[string]map[string]attempt {
	return map[string]map[string]attempt{"not_found": {
		"tenant by id":             trying(c.tenants.GetTenant, &bulkheadv1.Id{Id: "globex"}),
		"user by id":               trying(c.users.GetUser, theirs("user")),
		"sessions by id":           trying(c.users.ListUserSessions, theirs("user")),
		"group by id":              trying(c.groups.GetGroup, theirs("group")),
		"assessment by id":         trying(c.assessments.GetAssessment, theirs("assessment")),
		"record by id":             trying(c.audit.GetRecord, &bulkheadv1.GetRecordRequest{Id: theirRecord}),
		"proposal by id":           trying(c.policies.GetPolicyProposal, theirs("proposal")),
		"list proposals":           trying(c.policies.ListPolicyProposals, listing("globex", "", "")),
		"their policies":           trying(c.policies.GetPolicies, &bulkheadv1.GetPoliciesRequest{Tenant: "globex"}),
		"their status":             trying(c.assessments.GetStatus, &bulkheadv1.GetStatusRequest{Tenant: "globex"}),
		"their trend":              trying(c.assessments.GetTrend, &bulkheadv1.GetTrendRequest{Tenant: "globex"}),
		"list users":               trying(c.users.ListUsers, listing("globex", "", "")),
		"list groups":              trying(c.groups.ListGroups, listing("globex", "", "")),
		"list tokens":              trying(c.tokens.ListTokens, listing("globex", "", "")),
		"list assessments":         trying(c.assessments.ListAssessments, listing("globex", "", "")),
		"list requests":            trying(c.access.ListAccessRequests, listing("globex", "", "")),
		"list versions":            trying(c.policies.ListPolicyVersions, listing("globex", "", "")),
		"search records":           trying(c.audit.SearchRecords, searching("globex", "")),
		"export records":           streaming(c.audit.ExportRecords, searching("globex", "")),
		"watch":                    streaming(c.watch.Watch, &bulkheadv1.WatchRequest{Tenant: "globex"}),
		"watch from the beginning": streaming(c.watch.Watch, &bulkheadv1.WatchRequest{Tenant: "globex", Cursor: "1"}),
	}}
}

// crossingLists ask for the own, with filters and pages that mean theirs.
func crossingLists(t *testing.T, c *clients) map[string]map[string]attempt {
	t.Helper()
	page, err := c.users.ListUsers(as(t, "bhs_other"), &bulkheadv1.ListInTenantRequest{Page: &bulkheadv1.Page{Size: 1}})
	if err != nil || page.GetNextPage() == "" {
		t.Fatal(page, err)
	}
	is := func(field, kind string) string { return field + " = \"" + id("globex", kind) + "\"" }
	return map[string]map[string]attempt{
		"": {
			"user by name":        trying(c.users.ListUsers, listing("", is("name", "user"), "")),
			"tokens of a user":    trying(c.tokens.ListTokens, listing("", is("user", "user"), "")),
			"assessments of node": trying(c.assessments.ListAssessments, listing("", is("node", "node"), "")),
			"requests of a user":  trying(c.access.ListAccessRequests, listing("", is("user", "user"), "")),
			"proposals by author": trying(c.policies.ListPolicyProposals, listing("", is("author", "user"), "")),
			"all proposals":       trying(c.policies.ListPolicyProposals, listing("", "", "")),
			"versions by author":  trying(c.policies.ListPolicyVersions, listing("", is("author", "user"), "")),
			"records by actor":    trying(c.audit.SearchRecords, searching("", is("actor", "user"))),
			"all records":         trying(c.audit.SearchRecords, searching("", "")),
			"records by resource": trying(c.audit.SearchRecords, searching("", is("resource", "user"))),
			"export by actor":     streaming(c.audit.ExportRecords, searching("", is("actor", "user"))),
			"export all":          streaming(c.audit.ExportRecords, searching("", "")),
			"watch all changes":   streaming(c.watch.Watch, &bulkheadv1.WatchRequest{Cursor: "1"}),
			"tenants":             trying(c.tenants.ListTenants, &bulkheadv1.ListTenantsRequest{Page: &bulkheadv1.Page{Filter: "id = \"globex\""}}),
		},
		"not_found": {
			"status of a node": trying(c.assessments.GetStatus, &bulkheadv1.GetStatusRequest{Node: id("globex", "node")}),
		},
		"expired": {
			"their page":           trying(c.users.ListUsers, listing("", "", page.GetNextPage())),
			"their page elsewhere": trying(c.groups.ListGroups, listing("", "", page.GetNextPage())),
		},
		"invalid": {
			"users by tenant":   trying(c.users.ListUsers, listing("", "tenant = \"globex\"", "")),
			"records by tenant": trying(c.audit.SearchRecords, searching("", "tenant = \"globex\"")),
		},
	}
}

// crossingQuestions ask what the policies would say of theirs.
func crossingQuestions(c *clients) map[string]map[string]attempt {
	own := &bulkheadv1.ObjectRef{Type: "Tenant", Id: "acme"}
	return map[string]map[string]attempt{"not_found": {
		"explain in their tenant": trying(c.policies.Explain, &bulkheadv1.ExplainRequest{Tenant: "globex", Action: "UserList", Resource: own}),
		"explain their object":    trying(c.policies.Explain, &bulkheadv1.ExplainRequest{Action: "UserRead", Resource: their("User", "user")}),
		"explain their user":      trying(c.policies.Explain, &bulkheadv1.ExplainRequest{User: id("globex", "user"), Action: "UserList", Resource: own}),
		"explain their record":    trying(c.policies.Explain, &bulkheadv1.ExplainRequest{Action: "UserRead", Resource: own, Record: theirRecord}),
		"who can, there":          trying(c.policies.WhoCan, &bulkheadv1.WhoCanRequest{Tenant: "globex", Action: "UserList", Resource: own}),
		"who can, to theirs":      trying(c.policies.WhoCan, &bulkheadv1.WhoCanRequest{Action: "UserRead", Resource: their("User", "user")}),
		"what can they":           trying(c.policies.WhatCan, &bulkheadv1.WhatCanRequest{User: id("globex", "user")}),
		"what can I do there":     trying(c.policies.WhatCan, &bulkheadv1.WhatCanRequest{Resource: their("Group", "group")}),
		"preview there":           trying(c.policies.PreviewPolicies, &bulkheadv1.PreviewPoliciesRequest{Tenant: "globex"}),
	}}
}

// crossingChanges would change what is theirs, or make something of theirs out of the own.
func crossingChanges(c *clients) map[string]map[string]attempt {
	user := func(u *bulkheadv1.User) *bulkheadv1.UpdateUserRequest { return &bulkheadv1.UpdateUserRequest{User: u} }
	into := []string{id("globex", "group")}
	return map[string]map[string]attempt{
		"not_found": {
			"delete user":     trying(c.users.DeleteUser, theirs("user")),
			"invite user":     trying(c.users.InviteUser, theirs("user")),
			"update user":     trying(c.users.UpdateUser, user(&bulkheadv1.User{Id: id("globex", "user"), Name: "x"})),
			"revoke sessions": trying(c.users.RevokeUserSessions, theirs("user")),
			"delete group":    trying(c.groups.DeleteGroup, theirs("group")),
			"update group":    trying(c.groups.UpdateGroup, &bulkheadv1.UpdateGroupRequest{Group: &bulkheadv1.Group{Id: id("globex", "group"), Name: "x"}}),
			"revoke token":    trying(c.tokens.RevokeToken, theirs("token")),
			"token for user":  trying(c.tokens.CreateToken, tokenFor(id("globex", "user"))),
			"approve request": trying(c.access.DecideAccess, &bulkheadv1.DecideAccessRequest{Id: id("globex", "access"), Approve: true}),
			"revoke request":  trying(c.access.RevokeAccess, theirs("access")),
			"request access": trying(c.access.RequestAccess, &bulkheadv1.RequestAccessRequest{
				Action: "UserDelete", Resource: their("User", "user"), Reason: "a reason that is long",
			}),
			"publish there":    trying(c.assessments.PublishAssessment, &bulkheadv1.PublishAssessmentRequest{Tenant: "globex", Document: &structpb.Struct{}}),
			"create user":      trying(c.users.CreateUser, &bulkheadv1.CreateUserRequest{User: &bulkheadv1.User{Tenant: "globex", Name: "x"}}),
			"create group":     trying(c.groups.CreateGroup, &bulkheadv1.CreateGroupRequest{Group: &bulkheadv1.Group{Tenant: "globex", Name: "x"}}),
			"apply policies":   trying(c.policies.ApplyPolicies, &bulkheadv1.ApplyPoliciesRequest{Tenant: "globex", BaseVersion: -1}),
			"propose policies": trying(c.policies.ProposePolicies, &bulkheadv1.ProposePoliciesRequest{Tenant: "globex", Note: "x"}),
			"approve policies": trying(c.policies.DecidePolicyProposal, &bulkheadv1.DecidePolicyProposalRequest{Id: id("globex", "proposal"), Approve: true}),
			"reject policies":  trying(c.policies.DecidePolicyProposal, &bulkheadv1.DecidePolicyProposalRequest{Id: id("globex", "proposal"), Reason: "x"}),
			"withdraw":         trying(c.policies.WithdrawPolicyProposal, theirs("proposal")),
			"roll back":        trying(c.policies.RollbackPolicies, &bulkheadv1.RollbackPoliciesRequest{Tenant: "globex"}),
			"delete tenant":    trying(c.tenants.DeleteTenant, &bulkheadv1.Id{Id: "globex"}),
		},
		"invalid": {
			"join their group":            trying(c.users.CreateUser, &bulkheadv1.CreateUserRequest{User: &bulkheadv1.User{Name: "x", Groups: into}}),
			"move a user":                 trying(c.users.UpdateUser, user(&bulkheadv1.User{Id: "acme-user", Name: "acme-user", Tenant: "globex"})),
			"put a user into their group": trying(c.users.UpdateUser, user(&bulkheadv1.User{Id: "acme-user", Name: "acme-user", Groups: into})),
		},
	}
}

// crossingJobs are about the work of the installation, which is of all tenants.
func crossingJobs(c *clients) map[string]map[string]attempt {
	return map[string]map[string]attempt{"denied": {
		"jobs":       trying(c.jobs.ListJobs, &bulkheadv1.ListJobsRequest{}),
		"job by id":  trying(c.jobs.CancelJob, &bulkheadv1.Id{Id: "1"}),
		"run a job":  trying(c.jobs.RunJob, &bulkheadv1.RunJobRequest{Kind: "report"}),
		"all logs":   trying(c.audit.ListLogs, &bulkheadv1.Empty{}),
		"verify all": trying(c.audit.VerifyLogs, &bulkheadv1.Empty{}),
	}}
}

func tokenFor(user string) *bulkheadv1.CreateTokenRequest {
	return &bulkheadv1.CreateTokenRequest{User: user, Name: "x", Scopes: []string{"Read"}}
}
