package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/bulkhead-security/bulkhead/detect/secret"
	guarddoor "github.com/bulkhead-security/bulkhead/guard/daemon"
	"github.com/bulkhead-security/bulkhead/guard/daemon/answers"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/guard/daemon/objects"
	"github.com/bulkhead-security/bulkhead/guard/hostpath"
	"github.com/bulkhead-security/bulkhead/guard/images"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/guard/workloads"
)

// doorParts are what the door to an engine is made of; all are needed but Sessions.
type doorParts struct {
	engine   string // its socket
	dir      string // where it is remembered who brought images
	who      guarddoor.Identifier
	judge    judge.Parts // without Images and Workloads
	sessions guarddoor.Sessions
	// terminals, where it is set, makes what looks after terminals with the line to the engine, in place of sessions.
	terminals func(*forward.Engine) (*terminals, error)
	slog      *slog.Logger
	// labels are what workloads say of themselves by.
	tenantLabel, sensitivityLabel string
	wanted                        workload.Wanted
	pinDigest                     bool
	// sockets and system are paths that nothing that runs may be given.
	sockets, system []string
}

// guardedEngine is a door with what has to be closed after it.
type guardedEngine struct {
	*guarddoor.Door
	engine    *forward.Engine
	images    *images.Images
	terminals *terminals // nil where nobody looks after them
}

func (g *guardedEngine) close() error {
	var err error
	if g.terminals != nil {
		err = g.terminals.close()
	}
	g.engine.Close()
	return errors.Join(err, g.images.Close())
}

// newGuardedEngine puts the door to an engine together: here is the only place where its parts meet.
func newGuardedEngine(p doorParts) (*guardedEngine, error) {
	engine := forward.New(p.engine)
	kept, err := images.Open(filepath.Join(p.dir, "images.db"), engine)
	if err != nil {
		engine.Close()
		return nil, fmt.Errorf("the guard's memory of images: %w", err)
	}
	find := objects.New(engine)
	filter, err := answers.New(find, engine)
	if err != nil {
		return nil, err
	}
	p.judge.Images = kept
	p.judge.Workloads = workloads.New(workloads.Parts{
		Engine: engine, Find: find, Missing: objects.ErrNotFound, Paths: hostpath.Paths{}, Texts: secret.New(throwAwayKey()), Tenant: p.judge.Tenant,
		TenantLabel: p.tenantLabel, SensitivityLabel: p.sensitivityLabel,
		Sockets: append([]string{p.engine}, p.sockets...), SystemPaths: append([]string{p.dir}, p.system...), Now: p.judge.Now,
		Wanted: p.wanted, PinDigest: p.pinDigest,
	})
	g := &guardedEngine{engine: engine, images: kept}
	if p.terminals != nil {
		if g.terminals, err = p.terminals(engine); err != nil {
			return nil, errors.Join(err, g.close())
		}
		p.sessions = g.terminals
	}
	g.Door = guarddoor.New(guarddoor.Parts{
		Engine: engine, Judge: judge.New(p.judge), Who: p.who, Objects: find, Answers: filter, Images: kept, Sessions: p.sessions, Log: p.slog,
	})
	return g, nil
}
