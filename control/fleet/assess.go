package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/model"
)

// publisher is of the assessments that are made here.
const publisher = "node"

// before is the assessment of a node that is kept.
type before struct {
	id, digest string // of all but its times
	statuses   map[string]model.Status
	at         time.Time // assessed; another replica's is later
}

// keptCache saves reading the assessment before.
type keptCache struct{ *lru.Cache[string, before] }

const mostKept = 4096

func newKeptCache() (*keptCache, error) {
	c, err := lru.New[string, before](mostKept)
	if err != nil {
		return nil, fmt.Errorf("cache of assessments: %w", err)
	}
	return &keptCache{c}, nil
}

// assess judges the facts of a node and tells what changed.
func (f *Fleet) assess(ctx context.Context, id string) error {
	m, err := f.store.Node(ctx, id)
	if model.CodeOf(err) == model.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if !m.Revoked.IsZero() || m.FactsDigest == "" {
		return nil
	}
	have, err := f.store.Facts(ctx, id)
	if err != nil {
		return err
	}
	set := facts.Set(have)
	digest := facts.Digest(set.Digests()) // of what was read, which may be newer than the row
	// Times are to the microsecond in the store.
	now := f.now().Truncate(time.Microsecond)
	snap, err := facts.Join(set, f.takenAt(m, now))
	if err != nil {
		return f.unreadable(ctx, m, digest, err, now)
	}
	snap.Node.ID, snap.Node.Name = m.ID, m.Name
	j, err := f.judge(ctx, m, snap)
	if err != nil {
		return err
	}
	j.digest, j.now, j.snap = digest, now, snap
	return f.keep(ctx, m, j)
}

// takenAt is the moment at which facts count, by the server's clock. Those of a node whose stream is open and that were not
// replaced for long are as true now as they were then.
func (f *Fleet) takenAt(m *model.Member, now time.Time) time.Time {
	at := m.FactsReceived
	if at.IsZero() || f.hub.isPresent(m.ID) && now.Sub(at) > f.o.Times.AssessAgain/2 {
		at = now
	}
	return at
}

// judgement is what came out.
type judgement struct {
	assessment model.Assessment
	exceptions []model.StoredException
	before     *before // nil for none
	digest     string  // of the facts
	now        time.Time
	snap       *model.Snapshot
}

func (f *Fleet) judge(ctx context.Context, m *model.Member, snap *model.Snapshot) (*judgement, error) {
	j := &judgement{}
	var err error
	if j.exceptions, err = f.exceptionsOf(ctx, m); err != nil {
		return nil, err
	}
	set, err := f.settingsOf(ctx, m, j.exceptions)
	if err != nil {
		return nil, err
	}
	if j.before, err = f.assessedBefore(ctx, m); err != nil {
		return nil, err
	}
	j.assessment = f.o.Assess(snap, set)
	return j, nil
}

// assessedBefore is the newest assessment that a replica made of the node.
func (f *Fleet) assessedBefore(ctx context.Context, m *model.Member) (*before, error) {
	if b, ok := f.kept.Get(m.ID); ok && b.at.Equal(m.AssessedAt) {
		return &b, nil
	}
	list, _, err := f.store.Assessments(ctx, model.Query{
		Tenant: m.Tenant, Size: 1,
		Where: []model.Condition{{Field: "node", Op: "=", Value: m.ID}, {Field: "publisher", Op: "=", Value: publisher}},
	})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	p, err := f.store.Assessment(ctx, list[0].ID)
	if err != nil {
		return nil, err
	}
	var a model.Assessment
	b := &before{id: p.ID, statuses: p.Statuses, at: m.AssessedAt}
	if json.Unmarshal(p.Document, &a) == nil { // one that this version can't read is another one than whatever comes out
		_, b.digest, err = encode(&a)
	}
	return b, err
}

// encode gives the document, and a digest over all but its times.
func encode(a *model.Assessment) ([]byte, string, error) {
	doc, err := json.Marshal(a)
	if err != nil {
		return nil, "", fmt.Errorf("encode an assessment: %w", err)
	}
	timeless := *a
	timeless.Time = time.Time{}
	b, err := json.Marshal(&timeless)
	if err != nil {
		return nil, "", fmt.Errorf("encode an assessment: %w", err)
	}
	sum := sha256.Sum256(b)
	return doc, hex.EncodeToString(sum[:]), nil
}

// keep writes what came out, all at once.
func (f *Fleet) keep(ctx context.Context, m *model.Member, j *judgement) error {
	doc, digest, err := encode(&j.assessment)
	if err != nil {
		return err
	}
	now := before{digest: digest, statuses: statusesOf(&j.assessment), at: j.now}
	events := statusEvents(m, j)
	absence := f.away.get(m.ID)
	if absence != nil {
		if text, any := whileAway(m, absence, j.snap, events); any {
			events = append(events, of(m, model.EventChanged, info, text))
		}
	}
	done := false
	err = f.store.InTx(ctx, func(ctx context.Context) error {
		as, err := f.store.Node(ctx, m.ID)
		if err != nil {
			return err
		}
		if !as.AssessedAt.Equal(m.AssessedAt) || !as.Revoked.IsZero() {
			return nil // another replica was faster
		}
		if j.before != nil && j.before.digest == digest {
			now.id = j.before.id
		} else {
			id, err := uuid.NewV7()
			if err != nil {
				return fmt.Errorf("id of an assessment: %w", err)
			}
			now.id = id.String()
			if err := f.store.CreateAssessment(ctx, &model.Published{
				ID: now.id, Tenant: m.Tenant, Node: m.ID, NodeName: m.Name, Time: j.assessment.Time, Published: j.now, Publisher: publisher,
				Statuses: now.statuses, Document: doc,
			}); err != nil {
				return err
			}
		}
		if err := f.putFound(ctx, m, j); err != nil {
			return err
		}
		if err := f.tell(ctx, events...); err != nil {
			return err
		}
		done = true
		return f.store.SetAssessed(ctx, m.ID, j.digest, j.now)
	})
	if err != nil || !done {
		return err
	}
	f.kept.Add(m.ID, now)
	if absence != nil {
		f.away.take(m.ID)
	}
	if s := f.hub.get(m.ID); s != nil {
		s.setAssessed(j.now)
	}
	f.counts.assessed.Add(1)
	return nil
}

func statusesOf(a *model.Assessment) map[string]model.Status {
	out := make(map[string]model.Status, len(a.Requirements))
	for i := range a.Requirements {
		out[a.Requirements[i].ID] = a.Requirements[i].Status
	}
	return out
}

// statusEvents tell of each requirement whose status is another one than before.
func statusEvents(m *model.Member, j *judgement) []model.Event {
	if j.before == nil {
		return nil
	}
	var out []model.Event
	for i := range j.assessment.Requirements {
		r := &j.assessment.Requirements[i]
		was, ok := j.before.statuses[r.ID]
		if !ok || was == r.Status {
			continue
		}
		e := of(m, model.EventStatus, severityOf(r, was), model.Text{
			EN: fmt.Sprintf("%s (%s) is %s, it was %s: %s", r.ID, r.Title, r.Status, was, r.Reason),
			ZH: fmt.Sprintf("%s（%s）由 %s 变为 %s：%s", r.ID, r.TitleZH, was, r.Status, r.ReasonZH),
		})
		e.Requirement, e.Before, e.After, e.Time = r.ID, string(was), string(r.Status), j.now
		e.ID = eventID(j.now, m.ID, j.before.id, r.ID, string(r.Status), j.digest)
		out = append(out, e)
	}
	return out
}

// severityOf is info where the status got better.
func severityOf(r *model.RequirementResult, was model.Status) string {
	rank := func(s model.Status) int {
		switch s {
		case model.NotMet:
			return 3
		case model.Unknown:
			return 2
		case model.PartlyMet:
			return 1
		case model.Met, model.NotApplicable:
		}
		return 0
	}
	switch {
	case rank(r.Status) <= rank(was):
		return info
	case r.Status == model.NotMet && r.Keyword != model.Should:
		return string(model.High)
	case r.Status == model.PartlyMet || r.Keyword == model.Should:
		return string(model.Low)
	}
	return string(model.Medium)
}
