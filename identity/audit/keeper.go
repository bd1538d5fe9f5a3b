package audit

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Checkpoints is where logs leave their checkpoints for each other.
type Checkpoints interface {
	LogStates
	KeepCheckpoint(ctx context.Context, c *model.Checkpoint) error
	// KeepCheckpoints does so for many, and leaves of what each of their keepers keeps of each of their logs the largest ones.
	KeepCheckpoints(ctx context.Context, all []model.Checkpoint, largest int) error
	// Checkpoints are the newest that anybody keeps of a log; LargestCheckpoints are, of each keeper, the one over the most
	// entries, however old.
	Checkpoints(ctx context.Context, origin string, limit int) ([]model.Checkpoint, error)
	LargestCheckpoints(ctx context.Context, origin string) ([]model.Checkpoint, error)
}

// LogStates is what is known of the logs. Each of its methods writes one thing, since owner and keepers write at once.
type LogStates interface {
	Logs(ctx context.Context) ([]model.LogState, error)
	// ReplicaLogs are those of the replicas, NodeLogs those of nodes by origin, after one. NodeLogProblems counts what is wrong with
	// those of all nodes.
	ReplicaLogs(ctx context.Context) ([]model.LogState, error)
	NodeLogs(ctx context.Context, after string, limit int) ([]model.LogState, error)
	NodeLogProblems(ctx context.Context) (int, error)
	LogState(ctx context.Context, origin string) (*model.LogState, error)
	PublishLog(ctx context.Context, c *model.Checkpoint, proofs []model.Consistency) error
	AddLogProblems(ctx context.Context, origin string, problems []string, most int) error
	SetLogVerified(ctx context.Context, origin string, when time.Time) error
}

// KeeperOptions say what a Keeper keeps, and where.
type KeeperOptions struct {
	Log   *Log
	Key   string // verifier key of the own log
	Store Checkpoints
	File  string        // outside the log's directory, best on another file system
	Every time.Duration // 0 means a minute
	// Grace is how long another log may owe the proof that it continues what is kept of it; 0 means ten times Every.
	Grace time.Duration
	// Report is told how many problems each replica's log has, and as AllNodes those of all nodes together; nil tells nobody.
	Report func(origin string, problems int)
	Slog   *slog.Logger
}

// Keeper keeps checkpoints: those of the own log, and those of the other logs, in an own file and in the store. It takes
// another log's newer checkpoint only with the proof that it continues the one that is kept. So whoever takes a log back must
// also take back what all the others keep of it, on their own disks.
type Keeper struct {
	o    KeeperOptions
	file *keptFile
	ctx  context.Context // of verifications, ended by stop
	stop context.CancelFunc

	mu      sync.Mutex // one round at a time
	last    uint64     // size of the last own checkpoint that was kept
	found   map[string][]problem
	missing map[string]time.Time // since when another log owes a proof
	nodes   nodeRounds

	verifying sync.Mutex
	run       *verificationRun // that runs now
	runs      sync.WaitGroup
}

// problem is something that is wrong with a log. Found again, it has the same key; its text is that of the first time.
type problem struct{ key, text string }

// compareLast is how many kept checkpoints of a log are compared in a round, beside the largest of each keeper.
const compareLast = 200

// NewKeeper opens the file of kept checkpoints.
func NewKeeper(o KeeperOptions) (*Keeper, error) {
	if o.Every == 0 {
		o.Every = time.Minute
	}
	if o.Grace == 0 {
		o.Grace = 10 * o.Every
	}
	if o.Slog == nil {
		o.Slog = slog.New(slog.DiscardHandler)
	}
	file, err := openKept(o.File)
	if err != nil {
		return nil, err
	}
	k := &Keeper{o: o, file: file, found: map[string][]problem{}, missing: map[string]time.Time{}}
	k.ctx, k.stop = context.WithCancel(context.Background())
	return k, nil
}

// Close ends a verification that runs.
func (k *Keeper) Close(context.Context) error {
	k.stop()
	k.runs.Wait()
	return nil
}

// Run checks at once and then again and again, until ctx is over. What was found stands in the store's state of the log
// and, once, in the own log.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(k.o.Every)
	defer tick.Stop()
	for {
		if err := k.Round(ctx); err != nil && ctx.Err() == nil {
			k.o.Slog.Error("checkpoints of audit logs could not be exchanged; trying again", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Round compares and keeps once.
func (k *Keeper) Round(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return errors.Join(k.replicas(ctx), k.someNodes(ctx), k.tell(ctx))
}

// replicas compares the own log, and those of all other replicas.
func (k *Keeper) replicas(ctx context.Context) error {
	err := k.own(ctx)
	logs, listErr := k.o.Store.ReplicaLogs(ctx)
	err = errors.Join(err, listErr)
	for _, l := range logs {
		if l.Origin == k.o.Log.Origin() {
			continue
		}
		c, otherErr := k.other(ctx, l, compareLast)
		if otherErr == nil && c != nil {
			otherErr = k.o.Store.KeepCheckpoint(ctx, c)
		}
		err = errors.Join(err, otherErr)
	}
	return err
}

// report records problems that are new, and puts all that were ever found into the log's state: somebody may have taken
// them out of there.
func (k *Keeper) report(ctx context.Context, origin string, problems []problem) error {
	if len(problems) == 0 && len(k.found[origin]) == 0 {
		return nil
	}
	known, err := k.known(ctx, origin)
	if err != nil {
		return err
	}
	for _, p := range problems {
		if slices.ContainsFunc(k.found[origin], func(f problem) bool { return f.key == p.key }) {
			continue
		}
		if !slices.Contains(known, p.text) {
			if err := k.record(ctx, origin, p); err != nil {
				return err
			}
		}
		k.found[origin] = append(k.found[origin], p)
	}
	var texts []string
	for _, p := range k.found[origin] {
		texts = append(texts, p.text)
	}
	return k.o.Store.AddLogProblems(ctx, origin, texts, maxProblems)
}

// known are the problems in the log's state.
func (k *Keeper) known(ctx context.Context, origin string) ([]string, error) {
	l, err := k.o.Store.LogState(ctx, origin)
	if model.CodeOf(err) == model.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return l.Problems, nil
}

func (k *Keeper) record(ctx context.Context, origin string, p problem) error {
	k.o.Slog.Error("an audit log was tampered with", "origin", origin, "problem", p.text)
	_, err := k.o.Log.Append(ctx, model.Record{
		Tenant: model.SystemTenant, Action: "AuditProblemFound", Resource: model.Ref{Type: model.TypeSystem, ID: model.SystemID},
		Outcome: model.OutcomeFailed, Reason: p.text, Changes: map[string]string{"log": origin},
	})
	return err
}

// AllNodes stands for the logs of all nodes.
const AllNodes = model.NodeLogs + "*"

// tell says how many problems each log has.
func (k *Keeper) tell(ctx context.Context) error {
	if k.o.Report == nil {
		return nil
	}
	logs, err := k.o.Store.ReplicaLogs(ctx)
	for _, l := range logs {
		k.o.Report(l.Origin, len(l.Problems))
	}
	n, nodesErr := k.o.Store.NodeLogProblems(ctx)
	if nodesErr == nil {
		k.o.Report(AllNodes, n)
	}
	return errors.Join(err, nodesErr)
}
