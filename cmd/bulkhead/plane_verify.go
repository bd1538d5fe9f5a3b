package main

import (
	"context"
	"errors"
	"fmt"
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
func (p *plane) verifyLogs(ctx context.Context) (model.Text, error) {
	since := p.now()
	var own model.Text // where the own log is not verified yet
	if err := p.keeper.VerifyOwn(ctx); errors.Is(err, audit.ErrVerifying) {
		own = model.Text{EN: err.Error(), ZH: "验证仍在进行"}
	} else if err != nil {
		return model.Text{}, fmt.Errorf("verify the audit log: %w", err)
	}
	if err := p.keeper.Compare(ctx); err != nil {
		return model.Text{}, fmt.Errorf("compare the audit logs: %w", err)
	}
	others, cancel := context.WithTimeout(ctx, othersLimit)
	defer cancel()
	for {
		logs, err := p.store.ReplicaLogs(ctx) // a node's is verified by itself, and was compared
		if err != nil {
			return model.Text{}, fmt.Errorf("state of the audit logs: %w", err)
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
func (p *plane) verified(logs []model.LogState, since time.Time, own model.Text) model.Text {
	var said lines
	for i := range logs {
		if said.full() {
			break
		}
		l := &logs[i]
		s := model.Text{EN: fmt.Sprintf("%d entries verified", l.Checkpoint.Size), ZH: fmt.Sprintf("已验证 %d 条记录", l.Checkpoint.Size)}
		switch {
		case l.Origin == p.log.Origin():
			if own != (model.Text{}) {
				s = own
			}
		case l.Verified.IsZero():
			s = model.Text{EN: "never verified: its replica does not run, or is not done yet", ZH: "从未验证：其副本未运行，或尚未完成"}
		case l.Verified.Before(since):
			at := l.Verified.UTC().Format(time.RFC3339)
			s = model.Text{
				EN: "not verified since " + at + ": its replica does not run, or is not done yet", ZH: "自 " + at + " 起未验证：其副本未运行，或尚未完成",
			}
		}
		s = model.Text{EN: l.Origin + ": " + s.EN, ZH: l.Origin + "：" + s.ZH}
		for _, problem := range l.Problems {
			s.EN += "; PROBLEM " + problem
			s.ZH += "；问题：" + problem
		}
		said.add(s)
	}
	return said.text()
}
