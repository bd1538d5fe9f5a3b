package api_test

import (
	"testing"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// crossingFleet tries to reach another tenant's machines, what they said, and what is made for them.
func crossingFleet(t *testing.T, c *clients) map[string]map[string]attempt {
	t.Helper()
	page, err := c.nodes.ListEvents(as(t, "bhs_other"), &bulkheadv1.ListInTenantRequest{Page: &bulkheadv1.Page{Size: 1}})
	if err != nil || page.GetNextPage() == "" {
		t.Fatal(page, err)
	}
	is := func(field, kind string) string { return field + " = \"" + id("globex", kind) + "\"" }
	node := func(n *bulkheadv1.Node) *bulkheadv1.UpdateNodeRequest { return &bulkheadv1.UpdateNodeRequest{Node: n} }
	pool := &bulkheadv1.Id{Id: poolOf("globex")}
	exception := func(tenant, node string) *bulkheadv1.CreateExceptionRequest {
		return &bulkheadv1.CreateExceptionRequest{Exception: &bulkheadv1.Exception{
			Tenant: tenant, Node: node, Check: "8.1.c", Owner: "o", Reason: "r", Expires: tomorrow(),
		}}
	}
	triage := func(tenant, of string) *bulkheadv1.TriageFindingsRequest {
		return &bulkheadv1.TriageFindingsRequest{
			Tenant: tenant, Comment: "mine", Findings: []*bulkheadv1.FindingRef{{Node: id(of, "node"), Id: id(of, "finding")}},
		}
	}
	own := id("acme", "node")
	ask := func(tenant, node string) *bulkheadv1.RequestExceptionRequest {
		return &bulkheadv1.RequestExceptionRequest{Exception: exception(tenant, node).GetException()}
	}
	report := func(tenant, node string) *bulkheadv1.CreateReportRequest {
		r := &bulkheadv1.CreateReportRequest{Scope: &bulkheadv1.ReportScope{Tenant: tenant}}
		if node != "" {
			r.Scope.Nodes = []string{node}
		}
		return r
	}
	drills := func(tenant, filter string) *bulkheadv1.ListDrillsRequest {
		return &bulkheadv1.ListDrillsRequest{Tenant: tenant, Page: &bulkheadv1.Page{Filter: filter}}
	}
	return map[string]map[string]attempt{
		"not_found": {
			"node by id":              trying(c.nodes.GetNode, theirs("node")),
			"facts by id":             trying(c.nodes.GetNodeFacts, theirs("node")),
			"update node":             trying(c.nodes.UpdateNode, node(&bulkheadv1.Node{Id: id("globex", "node"), Pool: "default"})),
			"cordon node":             trying(c.nodes.CordonNode, &bulkheadv1.CordonNodeRequest{Id: id("globex", "node"), Cordoned: true}),
			"revoke node":             trying(c.nodes.RevokeNode, &bulkheadv1.RevokeNodeRequest{Id: id("globex", "node")}),
			"delete node":             trying(c.nodes.DeleteNode, theirs("node")),
			"revoke join token":       trying(c.nodes.RevokeJoinToken, theirs("jointoken")),
			"join token there":        trying(c.nodes.CreateJoinToken, &bulkheadv1.CreateJoinTokenRequest{Tenant: "globex"}),
			"list nodes":              trying(c.nodes.ListNodes, listing("globex", "", "")),
			"list events":             trying(c.nodes.ListEvents, listing("globex", "", "")),
			"list join tokens":        trying(c.nodes.ListJoinTokens, listing("globex", "", "")),
			"list findings":           trying(c.findings.ListFindings, listing("globex", "", "")),
			"list containers":         trying(c.inventory.ListContainers, listing("globex", "", "")),
			"list images":             trying(c.inventory.ListImages, listing("globex", "", "")),
			"list networks":           trying(c.inventory.ListNetworks, listing("globex", "", "")),
			"list guards":             trying(c.guards.ListGuards, listing("globex", "", "")),
			"calls of guards":         trying(c.guards.ListGuardCalls, &bulkheadv1.ListGuardCallsRequest{Tenant: "globex"}),
			"guards looked at":        trying(c.guards.PreviewGuard, &bulkheadv1.PreviewGuardRequest{Tenant: "globex"}),
			"container by id":         trying(c.inventory.GetContainer, &bulkheadv1.ObjectOfNode{Node: id("globex", "node"), Id: "c-" + named("globex", "container")}),
			"image by id":             trying(c.inventory.GetImage, &bulkheadv1.ObjectOfNode{Node: id("globex", "node"), Id: "x"}),
			"network by id":           trying(c.inventory.GetNetwork, &bulkheadv1.ObjectOfNode{Node: id("globex", "node"), Id: "x"}),
			"finding by id":           trying(c.findings.GetFinding, &bulkheadv1.GetFindingRequest{Node: id("globex", "node"), Id: id("globex", "finding")}),
			"finding of the own node": trying(c.findings.GetFinding, &bulkheadv1.GetFindingRequest{Node: own, Id: id("globex", "finding")}),
			"notes of a finding":      trying(c.findings.ListFindingNotes, &bulkheadv1.ListFindingNotesRequest{Node: id("globex", "node"), Id: id("globex", "finding")}),
			"triage there":            trying(c.findings.TriageFindings, triage("globex", "globex")),
			"triage theirs":           trying(c.findings.TriageFindings, triage("", "globex")),
			"list exceptions":         trying(c.findings.ListExceptions, listing("globex", "", "")),
			"exception there":         trying(c.findings.CreateException, exception("globex", "")),
			"exception looked at":     trying(c.findings.PreviewException, exception("globex", "")),
			"delete exception":        trying(c.findings.DeleteException, theirs("exception")),
			"ask for exception there": trying(c.findings.RequestException, ask("globex", "")),
			"list asked exceptions":   trying(c.findings.ListExceptionRequests, listing("globex", "", "")),
			"asked exception":         trying(c.findings.GetExceptionRequest, theirs("exceptionrequest")),
			"decide exception":        trying(c.findings.DecideException, &bulkheadv1.DecideExceptionRequest{Id: id("globex", "exceptionrequest"), Approve: true}),
			"withdraw exception":      trying(c.findings.WithdrawExceptionRequest, theirs("exceptionrequest")),
			"publish drills there":    trying(c.drills.PublishDrills, &bulkheadv1.PublishDrillsRequest{Tenant: "globex", Node: "n", Results: []*bulkheadv1.DrillResult{drillResult()}}),
			"list drills":             trying(c.drills.ListDrills, drills("globex", "")),
			"their controls":          trying(c.drills.GetControls, &bulkheadv1.GetControlsRequest{Tenant: "globex"}),
			"report of theirs":        trying(c.reports.CreateReport, report("globex", "")),
			"preview of theirs":       trying(c.reports.PreviewReport, report("globex", "")),
			"list reports":            trying(c.reports.ListReports, listing("globex", "", "")),
			"report by id":            trying(c.reports.GetReport, theirs("report")),
			"download report":         streaming(c.reports.DownloadReport, &bulkheadv1.DownloadReportRequest{Id: id("globex", "report"), Format: "json"}),
			"delete report":           trying(c.reports.DeleteReport, theirs("report")),
			"list recordings":         trying(c.recordings.ListRecordings, &bulkheadv1.ListRecordingsRequest{Tenant: "globex"}),
			"request a recording":     trying(c.recordings.RequestRecording, &bulkheadv1.RequestRecordingRequest{Node: id("globex", "node"), Id: recordingID}),
			"read a recording":        streaming(c.recordings.ReadRecording, &bulkheadv1.ReadRecordingRequest{Node: id("globex", "node"), Transfer: "x"}),
			"pool by id":              trying(c.pools.GetPool, pool),
			"their default pool":      trying(c.pools.GetPool, &bulkheadv1.Id{Id: "globex/default"}),
			"a pool of nobody":        trying(c.pools.GetPool, &bulkheadv1.Id{Id: "nobody/default"}),
			"a pool without a tenant": trying(c.pools.GetPool, &bulkheadv1.Id{Id: "default"}),
			"update pool":             trying(c.pools.UpdatePool, &bulkheadv1.UpdatePoolRequest{Pool: &bulkheadv1.Pool{Id: pool.GetId()}}),
			"update default pool":     trying(c.pools.UpdatePool, &bulkheadv1.UpdatePoolRequest{Pool: &bulkheadv1.Pool{Id: "globex/default"}}),
			"delete pool":             trying(c.pools.DeletePool, pool),
			"list pools":              trying(c.pools.ListPools, listing("globex", "", "")),
			"create pool":             trying(c.pools.CreatePool, &bulkheadv1.CreatePoolRequest{Pool: &bulkheadv1.Pool{Tenant: "globex", Name: "x"}}),
			"list roll-outs":          trying(c.pools.ListRollouts, listing("globex", "", "")),
			"halt roll-out":           trying(c.pools.DecideRollout, &bulkheadv1.DecideRolloutRequest{Id: id("globex", "rollout"), Decision: "halt"}),
			"explain their node":      trying(c.policies.Explain, &bulkheadv1.ExplainRequest{Action: "NodeRead", Resource: their("Node", "node")}),
			"explain their host":      trying(c.policies.Explain, &bulkheadv1.ExplainRequest{Action: "HostRead", Resource: their("Host", "node")}),
			"request their node": trying(c.access.RequestAccess, &bulkheadv1.RequestAccessRequest{
				Action: "NodeRevoke", Resource: their("Node", "node"), Reason: "a reason that is long",
			}),
		},
		"": {
			"node by name":         trying(c.nodes.ListNodes, listing("", is("name", "nodename"), "")),
			"node by pool":         trying(c.nodes.ListNodes, listing("", is("pool", "pool"), "")),
			"events of node":       trying(c.nodes.ListEvents, listing("", is("node", "node"), "")),
			"all events":           trying(c.nodes.ListEvents, listing("", "", "")),
			"join tokens by pool":  trying(c.nodes.ListJoinTokens, listing("", is("pool", "pool"), "")),
			"findings of node":     trying(c.findings.ListFindings, listing("", is("node", "node"), "")),
			"containers of node":   trying(c.inventory.ListContainers, listing("", is("node", "node"), "")),
			"all guards":           trying(c.guards.ListGuards, listing("", "", "")),
			"guard of node":        trying(c.guards.ListGuards, listing("", is("id", "node"), "")),
			"calls of their node":  trying(c.guards.ListGuardCalls, &bulkheadv1.ListGuardCallsRequest{Page: &bulkheadv1.Page{Filter: is("node", "node")}}),
			"look at their node":   trying(c.guards.PreviewGuard, &bulkheadv1.PreviewGuardRequest{Node: id("globex", "node")}),
			"all containers":       trying(c.inventory.ListContainers, listing("", "", "")),
			"all findings":         trying(c.findings.ListFindings, listing("", "", "")),
			"findings by owner":    trying(c.findings.ListFindings, listing("", is("owner", "user"), "")),
			"exceptions by owner":  trying(c.findings.ListExceptions, listing("", is("owner", "owner"), "")),
			"asked by owner":       trying(c.findings.ListExceptionRequests, listing("", is("owner", "owner"), "")),
			"all that is asked":    trying(c.findings.ListExceptionRequests, listing("", "", "")),
			"drills of node":       trying(c.drills.ListDrills, drills("", is("node", "nodename"))),
			"all drills":           trying(c.drills.ListDrills, drills("", "")),
			"all controls":         trying(c.drills.GetControls, &bulkheadv1.GetControlsRequest{}),
			"reports of author":    trying(c.reports.ListReports, listing("", is("author", "user"), "")),
			"all recordings":       trying(c.recordings.ListRecordings, &bulkheadv1.ListRecordingsRequest{}),
			"their recordings":     trying(c.recordings.ListRecordings, &bulkheadv1.ListRecordingsRequest{Node: id("globex", "node")}),
			"all reports":          trying(c.reports.ListReports, listing("", "", "")),
			"pools by name":        trying(c.pools.ListPools, listing("", is("name", "pool"), "")),
			"roll-outs of pool":    trying(c.pools.ListRollouts, listing("", "pool = \""+poolOf("globex")+"\"", "")),
			"what is lost with it": trying(c.nodes.GetNode, &bulkheadv1.Id{Id: own}),
		},
		"invalid": {
			"put a node into their pool":  trying(c.nodes.UpdateNode, node(&bulkheadv1.Node{Id: own, Pool: named("globex", "pool")})),
			"join their pool":             trying(c.nodes.CreateJoinToken, &bulkheadv1.CreateJoinTokenRequest{Pool: named("globex", "pool")}),
			"replace their node":          trying(c.nodes.CreateJoinToken, &bulkheadv1.CreateJoinTokenRequest{Replaces: id("globex", "node")}),
			"replace a node of nobody":    trying(c.nodes.CreateJoinToken, &bulkheadv1.CreateJoinTokenRequest{Replaces: "nobody"}),
			"exception for their node":    trying(c.findings.CreateException, exception("", id("globex", "node"))),
			"exception for nobody's node": trying(c.findings.CreateException, exception("", "nobody")),
			"their user as owner": trying(c.findings.TriageFindings, &bulkheadv1.TriageFindingsRequest{
				Findings: triage("", "acme").GetFindings(), Owner: &bulkheadv1.FindingOwner{User: id("globex", "user")},
			}),
			"ask for their node":      trying(c.findings.RequestException, ask("", id("globex", "node"))),
			"report of their node":    trying(c.reports.CreateReport, report("", id("globex", "node"))),
			"report of nobody's node": trying(c.reports.CreateReport, report("", "nobody")),
			"a pool with their id":    trying(c.pools.CreatePool, &bulkheadv1.CreatePoolRequest{Pool: &bulkheadv1.Pool{Id: "other/x", Name: "x"}}),
			"move a pool":             trying(c.pools.UpdatePool, &bulkheadv1.UpdatePoolRequest{Pool: &bulkheadv1.Pool{Id: poolOf("acme"), Tenant: "other"}}),
			"nodes by tenant":         trying(c.nodes.ListNodes, listing("", "tenant = \"globex\"", "")),
			"findings by tenant":      trying(c.findings.ListFindings, listing("", "tenant = \"globex\"", "")),
		},
		"expired": {
			"their page":           trying(c.nodes.ListEvents, listing("", "", page.GetNextPage())),
			"their page of images": trying(c.inventory.ListImages, listing("", "", page.GetNextPage())),
			"their page elsewhere": trying(c.findings.ListFindings, listing("", "", page.GetNextPage())),
		},
	}
}
