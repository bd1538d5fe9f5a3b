package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-security/bulkhead/drill/postgres"
)

// acknowledged is how many changes are made before the primary is killed.
const acknowledged = 20

// lostPrimary kills the database's primary under a server. A synchronous standby has all that was acknowledged; who looks after the
// database, here the drill, makes it the primary, and the server finds it by itself.
func lostPrimary(ctx context.Context, l Launcher, off Control) (h Half, err error) {
	s, err := newStage(l)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, s.clear(ctx)) }()
	primary, _, err := s.database(ctx, postgres.Replicated()...)
	if err != nil {
		return h, err
	}
	servers := []*postgres.Server{primary}
	var standby *postgres.Server
	if off != ControlStandby {
		if standby, err = s.standby(ctx, primary); err != nil {
			return h, err
		}
		servers = append(servers, standby)
	}
	plane, err := s.replica(ctx, "one", postgres.EitherURL(databaseName, servers...))
	if err != nil {
		return h, err
	}
	c, err := people(ctx, plane)
	if err != nil {
		return h, err
	}
	n, v, err := s.users(ctx, c)
	if err != nil {
		return h, err
	}
	made := map[string]bool{}
	for i := range acknowledged {
		id, err := c.group(ctx, fmt.Sprintf("acknowledged-%d", i))
		if err != nil {
			return h, fmt.Errorf("make a group: %w", err)
		}
		made[id] = true
	}
	if err := primary.Kill(); err != nil {
		return h, fmt.Errorf("kill the primary: %w", err)
	}
	return c.failedOver(ctx, n, v, standby, made)
}

func (s *stage) standby(ctx context.Context, primary *postgres.Server) (*postgres.Server, error) {
	standby, err := primary.Standby(ctx)
	if err != nil {
		return nil, err
	}
	s.later(func(context.Context) error { return standby.Stop() })
	return standby, primary.Following(ctx)
}

// failedOver says what is left after the primary was killed, where a standby is there to take its place.
func (c *cluster) failedOver(ctx context.Context, n *node, v *watcher, standby *postgres.Server, made map[string]bool) (h Half, err error) {
	w := c.worlds[0]
	at, opened := n.stream()
	start := time.Now()
	if standby != nil {
		if err := standby.Promote(ctx); err != nil {
			return h, err
		}
	}
	promoted := time.Since(start)
	group, tries := "", 0
	_, err = until(ctx, backWithin-promoted, func(ctx context.Context) error {
		tries++
		var err error
		group, err = c.group(ctx, fmt.Sprintf("after-%d", tries)) // one that was not answered may be there all the same
		return err
	})
	change := back{"the same server took a change again", time.Since(start), err}
	stands, again := n.stream()
	h.Seen = change.String()
	if at != nil && stands == at && again == opened {
		h.Seen += "; the node's stream stayed open"
	}
	if h.Lost = err != nil; h.Lost {
		return h, ctx.Err()
	}
	if standby == nil {
		return h, nil
	}
	have, err := w.groupsOf(ctx)
	if err != nil {
		return h, err
	}
	missing := 0
	for id := range made {
		if !have[id] {
			missing++
		}
	}
	h.Seen += fmt.Sprintf("; of %d changes that were acknowledged before, %d are missing", len(made), missing)
	watched := back{what: "the watch brought it"}
	_, watched.err = until(ctx, backWithin, func(context.Context) error { return v.sees(group) })
	watched.after = time.Since(start)
	reported := back{what: "the node's report was taken"}
	_, reported.err = until(ctx, backWithin, n.report)
	reported.after = time.Since(start)
	rest := judged([]back{watched, reported})
	h.Lost, h.Seen = missing > 0 || rest.Lost, h.Seen+"; "+rest.Seen
	if h.Lost {
		return h, ctx.Err()
	}
	if h.Recorded, err = w.recovered(ctx, n, start); h.Recorded {
		h.Seen += "; no node was told to be silent, and the audit log has the change"
	}
	return h, err
}
