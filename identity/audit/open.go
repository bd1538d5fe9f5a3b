package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/storage/posix"
)

// Open opens the log and makes it when there is none. Records that an earlier process left in the spool are appended.
func Open(ctx context.Context, o Options) (*Log, error) {
	if o.Signer == nil || o.Origin == "" || o.Signer.Name() != o.Origin {
		return nil, errors.New("open the audit log: the signer's name must be the log's origin")
	}
	if o.Batch < 1 || o.BatchAge <= 0 {
		return nil, errors.New("open the audit log: batch and batch age must be above zero")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.SpoolDir == "" {
		o.SpoolDir = o.Dir + ".spool"
	}
	l := &Log{
		o: o, log: o.Log, now: o.Now, fetch: client.FileFetcher{Root: o.Dir},
		urgent: make(chan *pending, 4*o.Batch), later: make(chan *pending, laterQueue),
		ending: make(chan struct{}), stop: make(chan struct{}), done: make(chan struct{}), grown: make(chan struct{}),
	}
	if err := l.open(ctx); err != nil {
		l.release()
		return nil, fmt.Errorf("open the audit log in %s: %w", o.Dir, err)
	}
	go l.run()
	return l, nil
}

func (l *Log) open(ctx context.Context) error {
	if err := os.MkdirAll(l.o.Dir, 0o700); err != nil {
		return err
	}
	if err := l.takeLock(); err != nil {
		return err
	}
	if err := l.probe(); err != nil {
		return err
	}
	driver, err := posix.New(ctx, posix.Config{Path: l.o.Dir})
	if err != nil {
		return err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.ctx, l.cancel = run, cancel
	appender, shutdown, reader, err := tessera.NewAppender(run, driver, tessera.NewAppendOptions().
		WithCheckpointSigner(l.o.Signer).
		WithBatching(uint(l.o.Batch), flushAge).
		WithCheckpointInterval(checkpointEvery).
		WithCheckpointRepublishInterval(0).
		WithGarbageCollectionInterval(collectEvery))
	if err != nil {
		return err
	}
	l.appender, l.shutdown, l.reader = appender, shutdown, reader
	size, err := reader.IntegratedSize(ctx)
	if err != nil {
		return err
	}
	l.size.Store(size)
	l.spool, err = openSpool(filepath.Join(l.o.SpoolDir, "spool"), l.o.SpoolSize)
	if err != nil {
		// The log itself is fine: only the break-glass would not work.
		l.log.Error("the audit log's spool can't be opened; the break-glass and the journal will not work, and what is in it is not in the log", "err", err)
	}
	return nil
}

// takeLock keeps a second process out. The kernel drops it when the process ends, however it ends.
func (l *Log) takeLock() error {
	f, err := os.OpenFile(l.o.Dir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("another process has it open: %w", err), f.Close())
	}
	l.lock = f
	return nil
}

// probe makes sure that a new log can be made: tessera panics where it can't open its lock files.
func (l *Log) probe() error {
	state := filepath.Join(l.o.Dir, ".state")
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"treeState.lock", "publish.lock", "gcState.lock"} {
		f, err := os.OpenFile(filepath.Join(state, name), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) release() {
	if l.cancel != nil {
		l.cancel()
	}
	if l.spool != nil {
		l.spool.close()
	}
	if l.lock != nil {
		l.lock.Close()
	}
}
