package guarded

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/detect/secret"
	guarddoor "github.com/bulkhead-security/bulkhead/guard/daemon"
	"github.com/bulkhead-security/bulkhead/guard/daemon/answers"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/guard/daemon/objects"
	"github.com/bulkhead-security/bulkhead/guard/hostpath"
	"github.com/bulkhead-security/bulkhead/guard/images"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/guard/registries"
	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/guard/workloads"
)

// doorParts are what the door to an engine is made of; all are needed but Sessions.
type doorParts struct {
	engine   string // its socket
	dir      string // where it is remembered who brought images
	shared   bool   // with a guard that was taken over
	who      guarddoor.Identifier
	judge    judge.Parts  // without Images and Workloads
	sessions config.Guard // its Sessions say what is recorded
	slog     *slog.Logger
	// labels are what workloads say of themselves by.
	tenantLabel, sensitivityLabel string
	wanted                        workload.Wanted
	pinDigest                     bool
	// sockets and system are paths that nothing that runs may be given.
	sockets, system []string
	// writable are paths of the host that may be given to write to, readable those to read.
	writable, readable []string
	// internal lets callers have the engine go to registries at the host's own addresses.
	internal bool
}

// guardedEngine is a door with what has to be closed after it.
type guardedEngine struct {
	*guarddoor.Door
	judge     *judge.Judge
	engine    *forward.Engine
	images    *images.Images
	terminals *terminals
}

func (g *guardedEngine) close() error {
	g.engine.Close()
	return errors.Join(g.terminals.close(), g.images.Close())
}

// newGuardedEngine puts the door to an engine together: here is the only place where its parts meet.
func newGuardedEngine(p doorParts) (*guardedEngine, error) {
	engine := forward.New(p.engine)
	open := images.Open
	if p.shared {
		open = images.OpenShared
	}
	kept, err := open(filepath.Join(p.dir, "images.db"), engine, p.judge.Tenant)
	if err != nil {
		engine.Close()
		return nil, fmt.Errorf("the guard's memory of images: %w", err)
	}
	find := objects.New(engine)
	filter, err := answers.New(find, engine)
	if err != nil {
		engine.Close()
		return nil, errors.Join(err, kept.Close())
	}
	p.judge.Images = kept
	if !p.internal {
		p.judge.Addresses = registries.Addresses{}
	}
	p.judge.Workloads = workloads.New(workloads.Parts{
		Engine: engine, Find: find, Missing: objects.ErrNotFound, Paths: hostpath.Paths{}, Texts: secret.New(ThrowAwayKey()), Tenant: p.judge.Tenant,
		TenantLabel: p.tenantLabel, SensitivityLabel: p.sensitivityLabel,
		Sockets: append([]string{p.engine}, p.sockets...), SystemPaths: append([]string{p.dir}, p.system...), Now: p.judge.Now,
		Wanted: p.wanted, WritablePaths: p.writable, ReadablePaths: p.readable, PinDigest: p.pinDigest,
	})
	looked, err := newTerminals(p.sessions, engine, p.dir, p.judge.Host, p.judge.Log, p.slog)
	if err != nil {
		engine.Close()
		return nil, errors.Join(err, kept.Close())
	}
	decides := judge.New(p.judge)
	door := guarddoor.New(guarddoor.Parts{
		Engine: engine, Judge: decides, Who: p.who, Objects: find, Answers: filter, Images: kept, Sessions: looked, Dir: p.dir, Log: p.slog,
		Opened:      filepath.Join(p.dir, "builds.db"),
		Strict:      func() bool { return p.judge.Profile == "restricted" },
		OwnFrontend: func() bool { return p.judge.Profile == "restricted" && !decides.Observes() },
	})
	return &guardedEngine{Door: door, judge: decides, engine: engine, images: kept, terminals: looked}, nil
}
