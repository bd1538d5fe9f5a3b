package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// There may be many thousands of nodes, each with a log, and each replica keeps checkpoints of all. So their logs are looked at some at a
// time, one that says what it said is not compared again for a while, and few checkpoints of each are kept.
const (
	nodesAtOnce = 200 // are looked at in each round, or the share of nodesWithin, if that is more
	nodesWithin = 10  // rounds, in which each is looked at
	nodeAgain   = 6 * time.Hour
	compareNode = 16 // as compareLast
	forcedFor   = 10 * time.Second
)

// nodeRounds is how far the logs of nodes were looked at. Only the rounds use it.
type nodeRounds struct {
	after string // the last that was
	count int    // since the first
	all   int    // that there are
	pass  int
	seen  map[string]nodeSeen
}

// nodeSeen is what a log said when it was compared and nothing was wrong with it.
type nodeSeen struct {
	says [sha256.Size]byte
	when time.Time
	pass int
}

// someNodes looks at the logs of some nodes, from where the last round ended.
func (k *Keeper) someNodes(ctx context.Context) error {
	left := max(nodesAtOnce, k.nodes.all/nodesWithin+1)
	var errs []error
	for left > 0 {
		n, end, err := k.nextNodes(ctx, min(left, nodesAtOnce), false)
		errs = append(errs, err)
		if err != nil || end {
			break
		}
		left -= n
	}
	return errors.Join(errs...)
}

// Compare compares what all logs say with what is kept of them, now. With very many nodes it ends after a while, and the rounds go on.
func (k *Keeper) Compare(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.replicas(ctx)
	k.nodes.after, k.nodes.count = "", 0
	for start := time.Now(); err == nil && time.Since(start) < forcedFor; {
		var end bool
		if _, end, err = k.nextNodes(ctx, nodesAtOnce, true); end {
			break
		}
	}
	return errors.Join(err, k.tell(ctx))
}

// nextNodes looks at the next logs, and says whether they were the last. What fits is kept for all of them at once.
func (k *Keeper) nextNodes(ctx context.Context, most int, force bool) (n int, end bool, err error) {
	r := &k.nodes
	logs, err := k.o.Store.NodeLogs(ctx, r.after, most)
	if err != nil {
		return 0, false, err
	}
	var keep []model.Checkpoint
	var errs []error
	k.file.hold()
	for i := range logs {
		c, err := k.node(ctx, logs[i], force)
		if c != nil {
			keep = append(keep, *c)
		}
		errs = append(errs, err)
		r.after = logs[i].Origin
	}
	if err := k.file.release(); err != nil {
		return len(logs), false, errors.Join(append(errs, fmt.Errorf("keep checkpoints: %w", err))...)
	}
	if len(keep) > 0 {
		errs = append(errs, k.o.Store.KeepCheckpoints(ctx, keep, keptOfNode))
	}
	r.count += len(logs)
	if end = len(logs) < most; end {
		r.begin()
	}
	return len(logs), end, errors.Join(errs...)
}

// begin begins again with the first, and forgets logs that are gone.
func (r *nodeRounds) begin() {
	for origin, s := range r.seen {
		if s.pass != r.pass {
			delete(r.seen, origin)
		}
	}
	r.all, r.count, r.after = r.count, 0, ""
	r.pass++
}

// node compares the log of a node, unless it says what it said not long ago.
func (k *Keeper) node(ctx context.Context, l model.LogState, force bool) (*model.Checkpoint, error) {
	r, now := &k.nodes, k.o.Log.now()
	says := sha256.Sum256([]byte(l.PublicKey + "\n" + l.Checkpoint.Note))
	if s, ok := r.seen[l.Origin]; ok && !force && s.says == says && now.Sub(s.when) < nodeAgain && !k.owes(l.Origin) && len(k.found[l.Origin]) == 0 {
		s.pass = r.pass
		r.seen[l.Origin] = s
		return nil, nil
	}
	delete(r.seen, l.Origin)
	c, err := k.other(ctx, l, compareNode)
	if err == nil && c != nil {
		if r.seen == nil {
			r.seen = map[string]nodeSeen{}
		}
		// Those that were seen at the same time are not compared again at the same time.
		r.seen[l.Origin] = nodeSeen{says, now.Add(-nodeAgain * time.Duration(says[0]) / 1024), r.pass}
	}
	return c, err
}
