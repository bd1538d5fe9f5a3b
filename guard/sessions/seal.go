package sessions

import (
	"strconv"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// SealAction is the action of audit records that have the digest of a recording.
const SealAction = "SessionRecorded"

// SealResource is the type of their resource.
const SealResource = "Recording"

// Record is what goes to the audit log when a recording has ended. Its id is the log's to give.
func (e Entry) Record() model.Record {
	outcome := model.OutcomeAllowed
	if e.Outcome == Failed {
		outcome = model.OutcomeFailed
	}
	changes := map[string]string{
		"digest": e.Digest, "bytes": strconv.FormatInt(e.Bytes, 10), "outcome": string(e.Outcome), "kind": e.Kind, "container": e.Container,
		"exec": e.Exec, "file": e.File(), "lost": strconv.FormatInt(e.Lost, 10), "container_name": e.Name, "image": e.Image,
		"command": clip(e.Command, 256), "start": e.Start.UTC().Format(time.RFC3339), "terminal": strconv.FormatBool(e.Terminal),
		"input": strconv.FormatBool(e.Input),
	}
	if e.End != nil {
		changes["end"] = e.End.UTC().Format(time.RFC3339)
	}
	return model.Record{
		Actor: e.Account, ActorName: e.AccountName, Tenant: e.Tenant, Action: SealAction, Resource: model.Ref{Type: SealResource, ID: e.ID},
		Outcome: outcome, Reason: e.Why, Address: e.Address, Of: e.Decision, Changes: changes,
	}
}

// SealedDigest is the digest that a record says of a recording; empty for other records.
func SealedDigest(r *model.Record, id string) string {
	if r.Action != SealAction || r.Resource != (model.Ref{Type: SealResource, ID: id}) {
		return ""
	}
	return r.Changes["digest"]
}
