package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bulkhead-security/bulkhead/model"
)

// Limits of an entry; what is bigger is replaced by its digest. tlog-tiles allows 65,535 bytes.
const (
	maxEntry    = 60 << 10
	maxName     = 512
	maxText     = 2 << 10
	maxChange   = 1 << 10
	maxChanges  = 32
	maxPolicies = 64
	maxAMR      = 16
)

// personal are fields whose content is never written: its digest is, so that two records can be compared.
var personal = []string{"email", "display_name", "phone", "address"}

// encode writes a record as a canonical (RFC 8785) OCSF event.
func encode(r *model.Record) ([]byte, error) {
	e := toEvent(r)
	out, err := marshal(e)
	if err != nil {
		return nil, err
	}
	if len(out) > maxEntry && e.Unmapped.Request != nil {
		request, err := json.Marshal(e.Unmapped.Request)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		e.Unmapped.Request, e.Unmapped.RequestDigest = nil, digest(string(request))
		if out, err = marshal(e); err != nil {
			return nil, err
		}
	}
	if len(out) > maxEntry {
		return nil, &model.Error{
			Code: model.CodeTooLarge, Message: fmt.Sprintf("the record has %d bytes; an entry of the audit log has at most %d", len(out), maxEntry),
			Remedy: "make the request smaller",
		}
	}
	return out, nil
}

func marshal(e *event) ([]byte, error) {
	raw, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode the record: %w", err)
	}
	out := jsontext.Value(raw)
	if err := out.Canonicalize(); err != nil {
		return nil, fmt.Errorf("make the record canonical: %w", err)
	}
	return out, nil
}

func toEvent(r *model.Record) *event {
	class, activity := classify(r.Action)
	e := &event{
		ActivityID: activity, CategoryUID: class / 1000, ClassUID: class, TypeUID: class*100 + activity,
		Actor: ocsfActor{User: actor(r)},
		Metadata: ocsfMetadata{
			CorrelationUID: clip(r.Of, maxName), EventCode: clip(r.Action, maxName), OriginalTime: r.Time.UTC().Format(time.RFC3339Nano),
			Product:   ocsfProduct{Name: "Bulkhead", VendorName: "Bulkhead"},
			TenantUID: clip(r.Tenant, maxName), UID: clip(r.ID, maxName), Version: ocsfVersion,
		},
		SeverityID: 1, StatusCode: string(r.Outcome), StatusID: 1, Detail: clip(r.Reason, maxText),
		SrcEndpoint: ocsfEndpoint{IP: clip(r.Address, maxName)},
		Time:        r.Time.UnixMilli(),
		Unmapped: ocsfUnmapped{
			AMR: clipList(r.AMR, maxAMR), Digest: clip(r.Digest, maxName), Changes: clipChanges(r.Changes), Request: tagRequest(r.Request),
			PolicyVersion: clip(r.PolicyVersion, maxName), PolicySets: r.PolicySets,
		},
	}
	if r.Outcome != model.OutcomeAllowed {
		e.StatusID, e.SeverityID = 2, 2
	}
	if r.Address == "" {
		e.SrcEndpoint.Name = "bulkhead"
	}
	if r.Credential != "" {
		e.Actor.Session = &ocsfSession{UID: clip(r.Credential, maxName)}
	}
	if r.UserAgent != "" {
		e.HTTPRequest = &ocsfHTTP{UserAgent: clip(r.UserAgent, maxName)}
	}
	for _, p := range clipList(r.Policies, maxPolicies) {
		e.Actor.Authorizations = append(e.Actor.Authorizations, ocsfAuthorization{Decision: string(r.Outcome), Policy: ocsfObject{UID: p}})
	}
	if r.Resource != (model.Ref{}) {
		e.Resources = []ocsfObject{{Type: clip(r.Resource.Type, maxName), UID: clip(r.Resource.ID, maxText)}}
	}
	classFields(e, r)
	return e
}

// classFields sets what a class demands.
func classFields(e *event, r *model.Record) {
	switch e.ClassUID {
	case classAPIActivity:
		e.API = &ocsfAPI{Operation: e.Metadata.EventCode, Service: ocsfNamed{Name: "bulkhead"}}
		return
	case classAuthentication:
		e.Service = &ocsfNamed{Name: "bulkhead"}
		mfa := slices.Contains(r.AMR, "mfa")
		e.IsMFA = &mfa
	}
	user := actor(r)
	if r.Resource.Type == "User" && r.Resource.ID != "" && r.Resource.ID != r.Actor {
		user = ocsfUser{TypeID: 1, UID: clip(r.Resource.ID, maxText)}
	}
	e.User = &user
}

// anonymous is who has not signed in: OCSF wants an actor in every event.
const anonymous = "Anonymous"

func actor(r *model.Record) ocsfUser {
	if r.Actor == "" && r.ActorName == "" {
		return ocsfUser{TypeID: activityOther, Type: anonymous, Name: "anonymous"}
	}
	return ocsfUser{TypeID: 1, UID: clip(r.Actor, maxName), Name: clip(r.ActorName, maxName)}
}

// digest stands for content that is too long or personal.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return fmt.Sprintf("sha256:%s (%d bytes)", hex.EncodeToString(sum[:]), len(s))
}

// clip replaces what is too long by its digest.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return digest(s)
}

func clipList(list []string, most int) []string {
	if len(list) == 0 {
		return nil
	}
	out := make([]string, 0, min(len(list), most))
	for i, s := range list {
		if i == most-1 && len(list) > most {
			return append(out, digest(strings.Join(list[i:], "\n")))
		}
		out = append(out, clip(s, maxName))
	}
	return out
}

func clipChanges(changes map[string]string) map[string]string {
	if len(changes) == 0 {
		return nil
	}
	out := make(map[string]string, min(len(changes), maxChanges))
	for i, k := range slices.Sorted(maps.Keys(changes)) {
		if i == maxChanges-1 && len(changes) > maxChanges {
			out["…"] = fmt.Sprintf("%d more fields", len(changes)-i)
			break
		}
		v := changes[k]
		last := k[strings.LastIndexByte(k, '.')+1:]
		if v != "" && slices.Contains(personal, last) && !strings.HasPrefix(v, "sha256:") {
			v = digest(v)
		}
		out[clip(k, 100)] = clip(v, maxChange)
	}
	return out
}
