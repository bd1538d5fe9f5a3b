package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
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
	id     string
	digest [sha256.Size]byte // of all but its times
	at     time.Time         // assessed; another replica's is later
	// What follows is known of what this replica assessed: when the findings were written, and the exceptions at that time.
	found    time.Time
	excepted string
}

// keptCache saves reading the assessment before. It is small for each node, and there are many: reading one takes as long as making
// a new one.
type keptCache struct{ *lru.Cache[string, before] }

const mostKept = 1 << 16

func newKeptCache() (*keptCache, error) {
	c, err := lru.New[string, before](mostKept)
	if err != nil {
		return nil, fmt.Errorf("cache of assessments: %w", err)
	}
	return &keptCache{c}, nil
}

// assess judges the facts of a node and tells what changed. Where nothing did, it is given: only that it was looked at is left to write
// down, which is done for many at once.
func (f *Fleet) assess(ctx context.Context, id string) (*unchanged, error) {
	m, err := f.store.Node(ctx, id)
	if model.CodeOf(err) == model.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !m.Revoked.IsZero() || m.FactsDigest == "" {
		return nil, nil
	}
	have, err := f.store.Facts(ctx, id)
	if err != nil {
		return nil, err
	}
	set := facts.Set(have)
	digest := facts.Digest(set.Digests()) // of what was read, which may be newer than the row
	// Times are to the microsecond in the store.
	now := f.now().Truncate(time.Microsecond)
	snap, err := facts.Join(set, f.takenAt(m, now))
	if err != nil {
		return nil, f.unreadable(ctx, m, digest, err, now)
	}
	snap.Node.ID, snap.Node.Name = m.ID, m.Name
	j, err := f.judge(ctx, m, snap)
	if err != nil {
		return nil, err
	}
	j.digest, j.now, j.snap = digest, now, snap
	if f.asBefore(m, j) {
		return &unchanged{model.Assessed{Node: m.ID, Digest: digest, When: now, Was: m.AssessedAt}, *j.before}, nil
	}
	return nil, f.keep(ctx, m, j)
}

// asBefore says whether all is as this replica wrote it down itself, and not so long ago that it would be written again.
func (f *Fleet) asBefore(m *model.Member, j *judgement) bool {
	b := j.before
	return b != nil && b.digest == j.sum && !b.found.IsZero() && j.now.Sub(b.found) < sawAgain && b.excepted == idsOf(j.exceptions) && f.away.get(m.ID) == nil
}

// idsOf tells exceptions apart that say the same.
func idsOf(all []model.StoredException) string {
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	return strings.Join(ids, " ")
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
	sum        [sha256.Size]byte // of it
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
	j.sum, err = sumOf(&j.assessment)
	return j, err
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
	b := &before{id: p.ID, at: m.AssessedAt}
	if json.Unmarshal(p.Document, &a) == nil { // one that this version can't read is another one than whatever comes out
		b.digest, err = sumOf(&a)
	}
	return b, err
}

// sumOf is a digest over all of an assessment but its times.
func sumOf(a *model.Assessment) (sum [sha256.Size]byte, err error) {
	timeless := *a
	timeless.Time = time.Time{}
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(&timeless); err != nil {
		return sum, fmt.Errorf("encode an assessment: %w", err)
	}
	h.Sum(sum[:0])
	return sum, nil
}

// keep writes what came out, all at once.
func (f *Fleet) keep(ctx context.Context, m *model.Member, j *judgement) error {
	now := before{digest: j.sum, at: j.now, found: j.now, excepted: idsOf(j.exceptions)}
	same := j.before != nil && j.before.digest == j.sum
	var events []model.Event
	if j.before != nil && !same {
		was, err := f.store.Assessment(ctx, j.before.id)
		switch {
		case err == nil:
			events = statusEvents(m, j, was.Statuses)
		case model.CodeOf(err) != model.CodeNotFound: // so old that it was pruned
			return err
		}
	}
	absence := f.away.get(m.ID)
	if absence != nil {
		if text, any := whileAway(m, absence, j.snap, events); any {
			events = append(events, of(m, model.EventChanged, info, text))
		}
	}
	done := false
	err := f.store.InTx(ctx, func(ctx context.Context) error {
		as, err := f.store.Node(ctx, m.ID)
		if err != nil {
			return err
		}
		if !as.AssessedAt.Equal(m.AssessedAt) || !as.Revoked.IsZero() {
			return nil // another replica was faster
		}
		if same {
			now.id = j.before.id
		} else if now.id, err = f.create(ctx, m, j); err != nil {
			return err
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

// create keeps an assessment.
func (f *Fleet) create(ctx context.Context, m *model.Member, j *judgement) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("id of an assessment: %w", err)
	}
	doc, err := json.Marshal(&j.assessment)
	if err != nil {
		return "", fmt.Errorf("encode an assessment: %w", err)
	}
	return id.String(), f.store.CreateAssessment(ctx, &model.Published{
		ID: id.String(), Tenant: m.Tenant, Node: m.ID, NodeName: m.Name, Time: j.assessment.Time, Published: j.now, Publisher: publisher,
		Statuses: statusesOf(&j.assessment), Document: doc,
	})
}
