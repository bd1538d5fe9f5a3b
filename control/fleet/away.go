package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// away are nodes that came back and have not been assessed since: what changed meanwhile is told when they are.
type away struct {
	mu sync.Mutex
	of map[string]*absence
}

// absence is from when to when a node was away, and which containers (id to name) were there before; nil where that is as before.
type absence struct {
	since, until time.Time
	containers   map[string]string
}

func (a *away) back(node string, since, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of == nil {
		a.of = map[string]*absence{}
	}
	a.of[node] = &absence{since: since, until: until}
}

// unchanged says that a node's facts are what they were.
func (a *away) unchanged(node string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if x := a.of[node]; x != nil && x.containers == nil {
		delete(a.of, node)
	}
}

func (a *away) get(node string) *absence {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.of[node]
}

func (a *away) take(node string) *absence {
	a.mu.Lock()
	defer a.mu.Unlock()
	x := a.of[node]
	delete(a.of, node)
	return x
}

func (a *away) forget(before time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.of, func(_ string, x *absence) bool { return x.until.Before(before) })
}

func (a *away) had(node string, containers map[string]string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if x := a.of[node]; x != nil && x.containers == nil {
		x.containers = containers
	}
}

// beforeReturn remembers the containers of a node that was away, before its facts are replaced.
func (f *Fleet) beforeReturn(ctx context.Context, node string) error {
	x := f.away.get(node)
	if x == nil || x.containers != nil {
		return nil
	}
	facts, err := f.store.Facts(ctx, node)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for key, fact := range facts {
		id, is := strings.CutPrefix(key, "containers/")
		if !is {
			continue
		}
		var c struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(fact.Data, &c); err != nil || c.Name == "" {
			c.Name = id // its name can't be read, but that it was there counts
		}
		names[id] = c.Name
	}
	f.away.had(node, names)
	return nil
}

const mostNamed = 5

// whileAway says in a line what changed; "" for nothing. changes are those of statuses.
func whileAway(m *model.Member, x *absence, s *model.Snapshot, changes []model.Event) (model.Text, bool) {
	var gone, fresh, statuses []string
	now := map[string]bool{}
	for i := range s.Containers {
		c := &s.Containers[i]
		now[c.ID] = true
		if _, was := x.containers[c.ID]; !was {
			fresh = append(fresh, c.Name)
		}
	}
	for id, name := range x.containers {
		if !now[id] {
			gone = append(gone, name)
		}
	}
	for i := range changes {
		statuses = append(statuses, fmt.Sprintf("%s %s → %s", changes[i].Requirement, changes[i].Before, changes[i].After))
	}
	if len(gone)+len(fresh)+len(statuses) == 0 {
		return model.Text{}, false
	}
	var en, zh []string
	add := func(names []string, inEN, inZH string) {
		if len(names) > 0 {
			slices.Sort(names)
			en, zh = append(en, inEN+": "+some(names)), append(zh, inZH+"："+some(names))
		}
	}
	add(statuses, "status", "状态")
	add(gone, "containers gone", "消失的容器")
	add(fresh, "containers new", "新增的容器")
	d := x.until.Sub(x.since).Round(time.Second)
	return model.Text{
		EN: fmt.Sprintf("what changed while %s was away for %s: %s", m.Name, d, strings.Join(en, "; ")),
		ZH: fmt.Sprintf("节点 %s 离开 %s 期间的变化：%s", m.Name, d, strings.Join(zh, "；")),
	}, true
}

func some(names []string) string {
	if more := len(names) - mostNamed; more > 0 {
		names = append(slices.Clone(names[:mostNamed]), fmt.Sprintf("… +%d", more))
	}
	return strings.Join(names, ", ")
}
