package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
)

// auditVerify is a job that runs on one replica, while only the replica itself can read its log. So the job is the word for all
// of them: each looks for the newest one and verifies its own log once it is older than that (audit.Keeper.VerifyWhenDue).
const auditVerify = "audit_verify"

// How long the job waits for the other replicas, which look every minute.
const (
	othersLimit = 3 * time.Minute
	othersEvery = time.Second
)

// verificationAsked says when somebody asked for a verification last.
func (p *plane) verificationAsked(ctx context.Context) (time.Time, error) {
	jobs, _, err := p.store.Jobs(ctx, model.Query{Size: 1, Where: []model.Condition{{Field: "kind", Op: "=", Value: auditVerify}}})
	if err != nil || len(jobs) == 0 {
		return time.Time{}, err
	}
	return jobs[0].Created, nil
}

// verifyLogs verifies the own log, waits for the others' replicas, and says what was found.
func (p *plane) verifyLogs(ctx context.Context) (string, error) {
	since := p.now()
	own := ""
	if err := p.keeper.VerifyOwn(ctx); errors.Is(err, audit.ErrVerifying) {
		own = err.Error()
	} else if err != nil {
		return "", fmt.Errorf("verify the audit log: %w", err)
	}
	if err := p.keeper.Compare(ctx); err != nil {
		return "", fmt.Errorf("compare the audit logs: %w", err)
	}
	others, cancel := context.WithTimeout(ctx, othersLimit)
	defer cancel()
	for {
		logs, err := p.store.ReplicaLogs(ctx) // a node's is verified by itself, and was compared
		if err != nil {
			return "", fmt.Errorf("state of the audit logs: %w", err)
		}
		if p.allVerified(logs, since) {
			return p.verified(logs, since, own), nil
		}
		select {
		case <-time.After(othersEvery):
		case <-others.Done():
			return p.verified(logs, since, own), ctx.Err()
		}
	}
}

// allVerified says whether nothing is to be waited for.
func (p *plane) allVerified(logs []model.LogState, since time.Time) bool {
	for _, l := range logs {
		if l.Origin != p.log.Origin() && l.Verified.Before(since) {
			return false
		}
	}
	return true
}

// verified is the job's result, a line for each log.
func (p *plane) verified(logs []model.LogState, since time.Time, own string) string {
	var b strings.Builder
	for _, l := range logs {
		said := fmt.Sprintf("%d entries verified", l.Checkpoint.Size)
		switch {
		case l.Origin == p.log.Origin() && own != "":
			said = own
		case l.Origin != p.log.Origin() && l.Verified.IsZero():
			said = "never verified: its replica does not run, or is not done yet"
		case l.Origin != p.log.Origin() && l.Verified.Before(since):
			said = "not verified since " + l.Verified.UTC().Format(time.RFC3339) + ": its replica does not run, or is not done yet"
		}
		fmt.Fprintf(&b, "%s: %s", l.Origin, said)
		for _, problem := range l.Problems {
			fmt.Fprintf(&b, "; PROBLEM %s", problem)
		}
		if b.Len() > maxReport {
			break
		}
		b.WriteByte('\n')
	}
	return strings.TrimSpace(b.String())
}
