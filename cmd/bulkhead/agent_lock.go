package main

import (
	"context"
	"time"

	"github.com/bulkhead-security/bulkhead/agent"
	"github.com/bulkhead-security/bulkhead/agent/state"
	"github.com/bulkhead-security/bulkhead/cli"
	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/model"
)

// openLock is the lock of this machine's engines, for the command line.
func openLock(c config.Config) (cli.EngineLock, error) {
	l, err := guarded.NewLock(c, nil)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// recordOf writes records of a node into its audit log; nil where it has none.
func recordOf(l agent.NodeLog, n *state.Node) func(context.Context, model.Record) error {
	if l == nil {
		return nil
	}
	return func(ctx context.Context, r model.Record) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		r.Actor, r.ActorName, r.Tenant, r.Resource = n.ID, n.Name, n.Tenant, model.Ref{Type: "Node", ID: n.ID}
		_, err := l.Append(ctx, r)
		return err
	}
}
