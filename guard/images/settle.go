package images

import (
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// waits are calls that this process will end, and since when it knows of others that nobody ends.
type waits struct {
	mu    sync.Mutex
	live  map[string]bool
	since map[string]time.Time
}

func (w *waits) begin(key []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.live == nil {
		w.live, w.since = map[string]bool{}, map[string]time.Time{}
	}
	w.live[string(key)] = true
}

func (w *waits) end(key []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.live, string(key))
}

// left says for how long it is known that nobody ends a call; zero where somebody will.
func (w *waits) left(key []byte) (live bool, since time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.live[string(key)] {
		return true, 0
	}
	if w.since == nil {
		w.live, w.since = map[string]bool{}, map[string]time.Time{}
	}
	if w.since[string(key)].IsZero() {
		w.since[string(key)] = time.Now()
	}
	return false, time.Since(w.since[string(key)])
}

func (w *waits) forget(key []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.since, string(key))
}

// settle gives what calls brought whose end nobody saw to those who made them. Another process that uses the file may yet end its own.
func (i *Images) settle(tx *bbolt.Tx, now, built map[string]string, alone bool) error {
	list, err := expected(tx)
	if err != nil || !alone || len(list) == 0 {
		return err
	}
	left := map[string]time.Duration{}
	for _, p := range list {
		if live, since := i.waits.left(p.key); !live {
			left[string(p.key)] = since
		}
	}
	if len(left) == 0 {
		return nil
	}
	for name, id := range now {
		if err := i.settleOne(tx, list, left, name, id, built[id]); err != nil {
			return err
		}
	}
	return i.outlived(tx, list, left)
}

func (i *Images) settleOne(tx *bbolt.Tx, list []*pending, left map[string]time.Duration, name, id, built string) error {
	if name == id && built == "" || tx.Bucket(bucketIDs).Get([]byte(id)) != nil {
		return nil
	}
	of, err := claims(tx, list, name, id)
	if err != nil {
		return err
	}
	for _, p := range list {
		if name != id || p.Built != built { // a step of a build has no name
			continue
		}
		was, err := p.was(tx, id)
		if err != nil {
			return err
		}
		if !was {
			of = append(of, p)
		}
	}
	if len(of) == 0 {
		return nil
	}
	h := of[0].Holder
	for _, p := range of {
		if _, is := left[string(p.key)]; !is {
			return nil // its end will say
		}
		if p.Holder.Tenant != h.Tenant {
			h = nobody()
		}
	}
	if err := hold(tx, id, h); err != nil {
		return err
	}
	if names := tx.Bucket(bucketNames); of[0].Given && name != id && names.Get([]byte(name)) == nil {
		return put(names, name, h)
	}
	return nil
}

// outlived forgets calls that ended long ago, whatever became of them, and the first of those who have many.
func (i *Images) outlived(tx *bbolt.Tx, list []*pending, left map[string]time.Duration) error {
	many := map[Holder]int{}
	for n := len(list) - 1; n >= 0; n-- {
		p := list[n]
		since, is := left[string(p.key)]
		if !is {
			continue
		}
		if many[p.Holder]++; since < lingers && many[p.Holder] <= mostLinger {
			continue
		}
		if err := drop(tx, p.key); err != nil {
			return err
		}
		i.waits.forget(p.key)
	}
	return nil
}
