package lock

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/bulkhead-security/bulkhead/model"
)

// Watcher says what Watch does with what it finds.
type Watcher struct {
	// Keep puts right what can be: the rights of sockets. Otherwise it is only told.
	Keep bool
	// Found takes a finding: one that began, or goes on, or is over. agent.Agent's is one.
	Found func(f model.Finding) error
	// Record writes into the audit log; nil leaves that out. What it has an error for is tried again, with the same id. The watch waits for it
	// only at its end, so it has to end by itself.
	Record func(ctx context.Context, r model.Record) error
	// Every is how often everything is looked at; zero takes 10 s. Sockets and connections are looked at every Every/10.
	Every time.Duration
}

// How long a finding stays when what was wrong is right again: long enough to be seen, and not to come and go with each call.
const lingers = time.Minute

// watch is Watch at work.
type watch struct {
	l *Lock
	w Watcher

	state   *state
	list    []socket
	table   *table
	slow    []Problem           // of the last full look
	known   map[uint64]*Problem // what was judged, by inode
	held    map[uint64]bool     // sockets of the engines at the last look
	seen    map[string]identity // the sockets that were last there
	unkept  bool                // that is not on disk yet, and is tried again at keepAt
	keepAt  time.Time
	fresh   map[string]time.Time // when sockets were first seen
	gone    map[string]time.Time // since when sockets are not there
	open    map[string]*model.Finding
	files   *fsnotify.Watcher
	dirs    map[string]bool
	trouble string
	passed  []Problem // that were over when they were seen
	mends   map[string]*mending
	unnamed *owed // the record that somebody unlocked, who left no word
	books   books
	host    string
}

// Watch looks after the lock until ctx ends. Changes of a socket are seen at once, where the kernel tells of them, and else within a tenth
// of Every. While nothing is locked it waits for that.
func (l *Lock) Watch(ctx context.Context, w Watcher) error {
	if w.Every <= 0 {
		w.Every = 10 * time.Second
	}
	x := &watch{
		l: l, w: w, known: map[uint64]*Problem{}, seen: map[string]identity{}, fresh: map[string]time.Time{}, gone: map[string]time.Time{},
		open: map[string]*model.Finding{}, dirs: map[string]bool{}, mends: map[string]*mending{}, books: newBooks(),
	}
	x.host, _ = os.Hostname() // it only makes ids of different machines differ
	var err error
	if x.files, err = fsnotify.NewWatcher(); err != nil {
		l.o.Log.Warn("changes of the engine's sockets are seen later", "error", err) // e.g. no more inotify instances
		x.files = &fsnotify.Watcher{}
	} else {
		defer x.files.Close() //nolint:errcheck // nothing was written
	}
	quick, full := time.NewTicker(max(w.Every/10, 20*time.Millisecond)), time.NewTicker(w.Every)
	defer quick.Stop()
	defer full.Stop()
	x.full()
	x.write(ctx)
	for {
		select {
		case <-ctx.Done():
			x.last(ctx)
			return nil
		case err := <-x.books.back:
			if x.wrote(err) { // what failed is tried again with the next look
				x.write(ctx)
			}
		case <-full.C:
			x.full()
			x.write(ctx)
		case <-quick.C:
			x.quick()
			x.write(ctx)
		case e := <-x.files.Events:
			if x.concerns(e.Name) {
				x.quick()
				x.write(ctx)
			}
		case err := <-x.files.Errors:
			l.o.Log.Warn("changes of the engine's sockets", "error", err) // the ticker sees them
		}
	}
}

// write does what waits for disks, after a look has closed what was open. The log's is asked first, beside the watch: while it does not
// answer, the state's, which most often is the same, is left alone.
func (x *watch) write(ctx context.Context) {
	x.pay(ctx)
	if x.books.inHand == nil {
		x.keepSeen()
	}
}

// concerns says whether a change in a directory is one of a socket, or of the lock itself.
func (x *watch) concerns(name string) bool {
	if name == x.l.statePath() {
		return true
	}
	for _, s := range x.list {
		if s.path == name {
			return true
		}
	}
	if x.state != nil {
		for _, k := range x.state.Sockets {
			if k.Path == name {
				return true
			}
		}
	}
	return false
}

// full looks at everything.
func (x *watch) full() {
	x.follow(x.l.o.StateDir)
	if !x.reload() {
		return
	}
	list, t, err := x.l.everything(x.state)
	if err != nil {
		x.complain(err)
		return
	}
	x.list, x.table = list, t
	for _, s := range x.list {
		x.follow(filepath.Dir(s.path))
	}
	for _, k := range x.state.Sockets {
		x.follow(filepath.Dir(k.Path))
	}
	engines := x.engines()
	x.slow = append(unknown(list, x.state), x.state.files()...)
	mounts, blind := x.l.mounted(list)
	x.slow = append(append(x.slow, mounts...), listeners(engines, t)...)
	if len(blind)+len(t.blind) > 0 {
		x.complain(fmt.Errorf("it can't see everything: %v %v", blind, t.blind))
	}
	x.quick()
}

// quick looks at the sockets and at who is connected.
func (x *watch) quick() {
	if !x.reload() {
		return
	}
	if x.table == nil {
		x.full()
		return
	}
	found := append(append(x.repair(), x.slow...), x.passed...)
	x.passed = nil
	x.settle(append(found, x.uses()...))
}

// uses are connections past the guard. Only when an engine has a socket that it had not before is it looked what that is: to ask for all
// connections of a machine takes a look at each process.
func (x *watch) uses() (found []Problem) {
	now, fresh := map[uint64]bool{}, false
	for _, servers := range x.table.servers {
		for _, p := range servers {
			list, err := inodes(p.pid)
			if err != nil {
				continue // it has ended
			}
			for inode := range list {
				now[inode] = true
				fresh = fresh || !x.held[inode]
			}
		}
	}
	x.held = now
	if !fresh {
		for inode, p := range x.known {
			switch {
			case !now[inode]:
				delete(x.known, inode)
			case p != nil:
				found = append(found, *p)
			}
		}
		return found
	}
	engines := x.engines()
	t := &table{bound: map[uint64]string{}, accepted: map[uint64]string{}, servers: x.table.servers}
	if err := t.connections(engines); err != nil {
		x.complain(err)
	}
	found, blind := x.l.direct(engines, t, x.known)
	if len(blind) > 0 {
		x.complain(fmt.Errorf("who uses the sockets can't be seen: %v", blind))
	}
	return found
}

func (x *watch) engines() map[string]string {
	engines := map[string]string{}
	for _, s := range x.list {
		engines[s.path] = s.engine
	}
	for _, k := range x.state.Sockets {
		engines[k.Path] = k.Engine
	}
	return engines
}

// follow watches a directory, where it can be.
func (x *watch) follow(dir string) {
	if x.files.Events == nil {
		return
	}
	// Adding again is cheap, and needed where the directory was made anew.
	if err := x.files.Add(dir); err != nil && x.dirs[dir] {
		x.dirs[dir] = false
		x.l.o.Log.Debug("a directory is not watched any more", "directory", dir, "error", err)
	} else if err == nil {
		x.dirs[dir] = true
	}
}
