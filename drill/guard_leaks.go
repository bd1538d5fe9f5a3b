package drill

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// leakDrills learn of what is somebody else's from lists and events.
func leakDrills() []Drill {
	list := func(id, title, target string) Drill {
		d := guardDrill(id, "T1613", title, seesInList(target), "7.6.a", "7.6.b")
		d.Quiet = true
		return d
	}
	return []Drill{
		list("list-containers", "Names, images and labels of others' containers are listed", "/containers/json?all=1"),
		list("list-containers-filter", "It is found out by a filter whether somebody's container is there", "/containers/json?all=1&filters=%7B%22name%22%3A%5B%22victim%22%5D%7D"),
		list("list-containers-volume-filter", "It is found out by a filter who uses a volume", "/containers/json?all=1&filters=%7B%22volume%22%3A%5B%22NAME-data%22%5D%7D"),
		list("list-volumes", "Others' volumes are listed", "/volumes"),
		list("list-networks", "Others' networks are listed", "/networks"),
		list("list-images", "Others' images are listed", "/images/json"),
		list("disk-usage", "Everything is listed by the space that it takes", "/system/df"),
		list("shared-network-members", "Others' containers are listed as members of a network that all share", "/networks/bridge"),
		{Drill: guardDrill("events", "T1613", "Others' names, images and labels are read from the events of the engine", nil, "7.6.a", "7.6.b").Drill, Control: ControlGuard, Quiet: true, Door: seesEvents},
		{Drill: guardDrill("events-past", "T1613", "The same, of events that are over", nil, "7.6.a", "7.6.b").Drill, Control: ControlGuard, Quiet: true, Door: seesPastEvents},
		list("prune-containers", "Others' stopped containers are removed by cleaning up", ""),
	}
}

// seesInList looks for the names of victor's objects, which begin alike.
func seesInList(target string) attack {
	if target == "" {
		return prunesContainers
	}
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		if err := w.victimsThings(ctx); err != nil {
			return false, err
		}
		a, err := w.mallory.send(ctx, http.MethodGet, strings.ReplaceAll(target, "NAME", w.name), nil)
		if err != nil {
			return false, err
		}
		return a.ok() && strings.Contains(string(a.body), w.name+"-"), w.fair(a)
	}
}

// victimsThings are a container, a volume, a network and an image of victor's.
func (w *EngineWorld) victimsThings(ctx context.Context) error {
	_, err := w.victim(ctx)
	if err != nil {
		return err
	}
	_, nerr := w.victimsNetwork(ctx)
	_, ierr := w.victimsImage(ctx)
	return errors.Join(nerr, ierr)
}

func seesPastEvents(ctx context.Context, w *EngineWorld) (bool, error) {
	since := time.Now().Add(-time.Second).Unix()
	if _, err := w.victim(ctx); err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodGet, fmt.Sprintf("/events?since=%d&until=%d", since, time.Now().Unix()+1), nil)
	if err != nil {
		return false, err
	}
	return strings.Contains(string(a.body), w.name+"-victim"), w.fair(a)
}

// seesEvents listens while something happens to somebody else.
func seesEvents(ctx context.Context, w *EngineWorld) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	filters := url.QueryEscape(`{"type":["container"],"event":["start"]}`)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/events?filters="+filters, nil)
	if err != nil {
		return false, err
	}
	res, err := w.mallory.http.Do(r) //nolint:bodyclose // it is, below
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	seen := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(res.Body)
		for lines.Scan() {
			if strings.Contains(lines.Text(), w.name+"-victim") {
				seen <- true
				return
			}
		}
		seen <- false
	}()
	if _, err := w.victim(ctx); err != nil {
		return false, err
	}
	select {
	case s := <-seen:
		return s, nil
	case <-time.After(time.Second):
		return false, nil
	}
}

func prunesContainers(ctx context.Context, w *EngineWorld) (bool, error) {
	a, err := w.must(ctx, w.victor, "/containers/create?name="+w.name+"-victim", plain())
	if err != nil {
		return false, err
	}
	p, err := w.mallory.send(ctx, http.MethodPost, "/containers/prune", nil)
	if err != nil {
		return false, err
	}
	return w.gone(ctx, a.id()), w.fair(p)
}

// gone says whether a container is not there any more.
func (w *EngineWorld) gone(ctx context.Context, id string) bool {
	_, err := w.look(ctx, id)
	return err != nil
}
