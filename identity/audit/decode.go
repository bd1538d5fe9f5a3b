package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Decode reads an entry of the log.
func Decode(entry []byte) (*model.Record, error) {
	if len(entry) > 1<<16 {
		return nil, fmt.Errorf("the entry has %d bytes, more than any entry", len(entry))
	}
	var e event
	d := json.NewDecoder(bytes.NewReader(entry))
	d.UseNumber()
	if err := d.Decode(&e); err != nil {
		return nil, fmt.Errorf("the entry is no OCSF event: %w", err)
	}
	return fromEvent(&e)
}

// checkEvent says whether an entry is an event of ours, without reading all of it: a verification asks that of every entry.
func checkEvent(entry []byte) error {
	var e struct {
		Metadata struct {
			UID          string `json:"uid"`
			EventCode    string `json:"event_code"`
			OriginalTime string `json:"original_time"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(entry, &e); err != nil {
		return fmt.Errorf("the entry is no OCSF event: %w", err)
	}
	if e.Metadata.UID == "" || e.Metadata.EventCode == "" || e.Metadata.OriginalTime == "" {
		return errors.New("the entry has no metadata.uid, metadata.event_code or metadata.original_time")
	}
	return nil
}

func fromEvent(e *event) (*model.Record, error) {
	if e.Metadata.UID == "" || e.Metadata.EventCode == "" {
		return nil, errors.New("the entry has no metadata.uid or metadata.event_code")
	}
	at, err := time.Parse(time.RFC3339Nano, e.Metadata.OriginalTime)
	if err != nil {
		return nil, fmt.Errorf("the entry's metadata.original_time: %w", err)
	}
	request, err := untagRequest(e.Unmapped.Request)
	if err != nil {
		return nil, err
	}
	r := &model.Record{
		ID: e.Metadata.UID, Time: at.UTC(), Tenant: e.Metadata.TenantUID, Action: e.Metadata.EventCode,
		Outcome: model.Outcome(e.StatusCode), Reason: e.Detail, Address: e.SrcEndpoint.IP, AMR: e.Unmapped.AMR,
		Of: e.Metadata.CorrelationUID, Digest: e.Unmapped.Digest, Changes: e.Unmapped.Changes, Request: request,
		PolicyVersion: e.Unmapped.PolicyVersion, PolicySets: e.Unmapped.PolicySets,
	}
	if e.Actor.User.Type != anonymous {
		r.Actor, r.ActorName = e.Actor.User.UID, e.Actor.User.Name
	}
	for _, a := range e.Actor.Authorizations {
		r.Policies = append(r.Policies, a.Policy.UID)
	}
	if len(e.Resources) > 0 {
		r.Resource = model.Ref{Type: e.Resources[0].Type, ID: e.Resources[0].UID}
	}
	if e.Actor.Session != nil {
		r.Credential = e.Actor.Session.UID
	}
	if e.HTTPRequest != nil {
		r.UserAgent = e.HTTPRequest.UserAgent
	}
	return r, nil
}
