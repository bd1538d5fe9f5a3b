package drill

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// lostReplica kills the replica that everybody is connected to. Who comes by the addresses of all replicas goes on at another one.
func lostReplica(ctx context.Context, l Launcher, off Control) (h Half, err error) {
	s, err := newStage(l)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, s.clear(ctx)) }()
	_, url, err := s.database(ctx)
	if err != nil {
		return h, err
	}
	names := []string{"one", "two"}
	if off == ControlReplicas {
		names = names[:1]
	}
	var planes []*Plane
	for _, name := range names {
		p, err := s.replica(ctx, name, url)
		if err != nil {
			return h, err
		}
		planes = append(planes, p)
	}
	c, err := people(ctx, planes...)
	if err != nil {
		return h, err
	}
	n, v, err := s.users(ctx, c)
	if err != nil {
		return h, err
	}
	killed := time.Now()
	if err := planes[0].Kill(); err != nil {
		return h, fmt.Errorf("kill the replica: %w", err)
	}
	all := c.comeBack(ctx, n, v)
	if err := ctx.Err(); err != nil {
		return h, err
	}
	h = judged(all)
	if h.Lost || off != ControlNone {
		return h, nil
	}
	survivor := c.worlds[1]
	if err := survivor.works(ctx); err != nil {
		return Half{Lost: true, Seen: h.Seen + fmt.Sprintf("; work in the background does not go on: %s", err)}, nil
	}
	h.Seen += "; a job ran in the background"
	if h.Recorded, err = survivor.recovered(ctx, n, killed); h.Recorded {
		h.Seen += "; no node was told to be silent, and the other replica's audit log has the client's next action"
	}
	return h, err
}

// users are a node and a watch that are at work.
func (s *stage) users(ctx context.Context, c *cluster) (*node, *watcher, error) {
	w := c.worlds[0]
	var planes []*Plane
	for _, at := range c.worlds {
		planes = append(planes, at.plane)
	}
	n, err := w.join(ctx, "node-1", planes...)
	if err != nil {
		return nil, nil, err
	}
	n.start(ctx)
	s.later(func(context.Context) error { n.die(); return nil })
	v := c.watch(ctx, w.admin)
	s.later(func(context.Context) error { v.end(); return nil })
	if err := w.settle(ctx, n); err != nil {
		return nil, nil, err
	}
	if _, err := until(ctx, setUpFor, func(context.Context) error {
		if !v.ready() {
			return errors.New("it is not open")
		}
		return nil
	}); err != nil {
		return nil, nil, fmt.Errorf("watch: %w", err)
	}
	before, err := c.group(ctx, "before")
	if err != nil {
		return nil, nil, fmt.Errorf("make a group: %w", err)
	}
	_, err = until(ctx, setUpFor, func(context.Context) error { return v.sees(before) })
	return n, v, err
}

func (v *watcher) sees(group string) error {
	if !v.has(group) {
		return errors.New("the watch does not bring the group")
	}
	return nil
}

// comeBack waits for all that used the replica.
func (c *cluster) comeBack(ctx context.Context, n *node, v *watcher) []back {
	group := ""
	start := time.Now()
	all := []back{{what: "the client's session made a change"}, {what: "its watch went on from its cursor and brought it"}, {what: "the node's stream was opened again and its report taken"}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, try := range []func(context.Context) error{
		func(ctx context.Context) error {
			id, err := c.group(ctx, "after")
			mu.Lock()
			defer mu.Unlock()
			group = id
			return err
		},
		func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			if group == "" {
				return errors.New("there is nothing to see yet")
			}
			return v.sees(group)
		},
		func(ctx context.Context) error { return c.hears(ctx, n, "after-"+start.Format("150405.000")) },
	} {
		wg.Go(func() { all[i].after, all[i].err = until(ctx, backWithin, try) })
	}
	wg.Wait()
	return all
}

// hears says whether the node's stream is open at a replica, and whether what it reports is shown there.
func (c *cluster) hears(ctx context.Context, n *node, container string) error {
	at, opened := n.stream()
	if at == nil || opened < 2 {
		return errors.New("the stream was not opened again")
	}
	if err := n.change(container); err != nil {
		return err
	}
	if err := n.report(ctx); err != nil {
		return err
	}
	return c.ask(ctx, func(ctx context.Context, w *World) error {
		is, err := w.node(ctx, n)
		if err != nil {
			return err
		}
		for _, have := range is.GetWorkloads() {
			if have.GetName() == container {
				return nil
			}
		}
		return errors.New("the node is shown without what it reported")
	})
}

// judged says that the service was lost unless all of it came back.
func judged(all []back) Half {
	var seen []string
	lost := false
	for _, b := range all {
		seen = append(seen, b.String())
		lost = lost || b.err != nil
	}
	return Half{Lost: lost, Seen: strings.Join(seen, "; ")}
}

// recovered looks for what shows the loss and the recovery afterwards.
func (w *World) recovered(ctx context.Context, n *node, since time.Time) (bool, error) {
	if _, err := until(ctx, backWithin, func(ctx context.Context) error { return w.recordedIn(ctx, since) }); err != nil {
		return false, ctx.Err() // without the drill being cut short, it is just not there
	}
	return w.unnoticed(ctx, n)
}
