package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-security/bulkhead/drill/postgres"
	"github.com/bulkhead-security/bulkhead/model"
)

// Limits of what is waited for in an outage.
const (
	// backWithin is how soon the service must be back, and how long it is tried before it counts as lost.
	backWithin = 15 * time.Second
	tryEvery   = 250 * time.Millisecond
	tryFor     = 5 * time.Second // one call
	setUpFor   = 30 * time.Second
)

// outages are the drills of 8.5.b: the service goes on when a part of it is lost.
func outages() []Drill {
	meta := func(id, technique, title string, needs []string, threats ...string) model.Drill {
		return model.Drill{ID: "8.5.b/" + id, Requirement: "8.5.b", Threats: threats, Technique: technique, Title: title, Needs: needs}
	}
	return []Drill{
		{
			Drill:   meta("lost-replica", "T1499", "The replica that clients and nodes use is killed", []string{"postgresql"}, "7.6.c", "7.7.b"),
			Control: ControlReplicas, Outage: lostReplica,
		},
		{
			Drill:   meta("lost-node", "T1489", "A node's agent is killed, so that nothing is seen of the node any more", []string{}, "7.6.c"),
			Control: ControlNodeWatch, Outage: lostNode,
		},
		{
			Drill:   meta("lost-primary", "T1499", "The database's primary is killed", []string{"postgresql"}, "7.6.c", "7.7.b"),
			Control: ControlStandby, Outage: lostPrimary,
		},
	}
}

// stage is what an outage is played on. What was put there is removed again, the last first.
type stage struct {
	l    Launcher
	dir  string
	ends []func(context.Context) error
}

func newStage(l Launcher) (*stage, error) {
	dir, err := os.MkdirTemp("", "bulkhead-drill-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	s := &stage{l: l, dir: dir}
	s.later(func(context.Context) error { return os.RemoveAll(dir) })
	return s, nil
}

func (s *stage) later(f func(context.Context) error) { s.ends = append(s.ends, f) }

// clear removes everything, also when the drill was cut short.
func (s *stage) clear(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	var err error
	for i := len(s.ends) - 1; i >= 0; i-- {
		err = errors.Join(err, s.ends[i](ctx))
	}
	return err
}

// database starts a PostgreSQL with an empty database.
func (s *stage) database(ctx context.Context, args ...string) (pg *postgres.Server, url string, err error) {
	if pg, err = postgres.Start(ctx, postgres.Options{Args: args}); err != nil {
		return nil, "", err
	}
	s.later(func(context.Context) error { return pg.Stop() })
	url, err = pg.Create(ctx, databaseName)
	return pg, url, err
}

const databaseName = "bulkhead"

func (s *stage) replica(ctx context.Context, name, database string) (*Plane, error) {
	p, err := s.l.Replica(ctx, Replica{Name: name, Database: database, MasterKey: filepath.Join(s.dir, "master.key")})
	if err != nil {
		return nil, fmt.Errorf("start the replica %s: %w", name, err)
	}
	s.later(p.Stop)
	return p, nil
}

// until tries again and again, and gives how long it took.
func until(ctx context.Context, limit time.Duration, try func(context.Context) error) (time.Duration, error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		one, cancel := context.WithTimeout(ctx, tryFor)
		err := try(one)
		cancel()
		if err == nil {
			return time.Since(start), nil
		}
		select {
		case <-ctx.Done():
			return time.Since(start), err
		case <-time.After(tryEvery):
		}
	}
}

func took(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
