package buildkit

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/model"
)

// The builder keeps files by a session's id when a guard is started again, or another takes over: an id that was used is used by nobody then.
func TestSessionsOfAnEarlierGuard(t *testing.T) {
	path := filepath.Join(t.TempDir(), "builds.db")
	opens := func(r *Room, id, who string) error {
		c := Caller{
			Ask: &call.Ask{Subject: &call.Subject{Principal: model.Principal{Ref: model.Ref{Type: "User", ID: who}}}, Call: &route.Call{Route: &route.Route{}}},
		}
		from := http.Header{headerID: {id}}
		err := r.Session(t.Context(), from, c, nil)
		var none *NoSessionError
		if !errors.As(err, &none) {
			t.Fatalf("it was opened: %v", err)
		}
		return err
	}
	j := &judged{}
	earlier := New(Parts{Judge: j, Opened: path})
	closed, err := earlier.open("s1", "alice")
	if err != nil {
		t.Fatal(err)
	}
	later := New(Parts{Judge: j, Opened: path})
	for _, who := range []string{"alice", "bob"} { // while it is open there, and when it is over
		if err := opens(later, "s1", who); !errors.Is(err, errSpent) {
			t.Errorf("%s: %v", who, err)
		}
		closed()
	}
	if _, err := later.open("s2", "alice"); err != nil {
		t.Fatal(err)
	}
	if err := opens(earlier, "s2", "alice"); !errors.Is(err, errSpent) {
		t.Errorf("the later guard's, at the earlier one: %v", err)
	}
	if len(later.book.sessions) != 1 || len(earlier.book.sessions) != 0 {
		t.Errorf("%v %v", later.book.sessions, earlier.book.sessions)
	}
	// What can't be remembered is not opened.
	for _, broken := range []func() error{
		func() error { return os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600) },
		func() error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	} {
		if err := broken(); err != nil {
			t.Fatal(err)
		}
		if err := opens(New(Parts{Judge: j, Opened: path}), "s3", "alice"); errors.Is(err, errSpent) || !strings.Contains(err.Error(), path) {
			t.Error(err)
		}
	}
}

// Two guards that are asked at the same moment open one session of a name.
func TestDiskOfTwo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "builds.db")
	var wait sync.WaitGroup
	var mu sync.Mutex
	opened := map[string]int{}
	for range 2 {
		b := newBook(path)
		wait.Go(func() {
			for i := range 20 {
				id := fmt.Sprint("s", i)
				if _, err := b.open(id, "alice", func() {}); err == nil {
					mu.Lock()
					opened[id]++
					mu.Unlock()
				} else if !errors.Is(err, errSpent) {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	for i := range 20 {
		if id := fmt.Sprint("s", i); opened[id] != 1 {
			t.Errorf("%s was opened %d times", id, opened[id])
		}
	}
}

// The file has so many ids and no more; those of the last hour stay.
func TestDiskIsBounded(t *testing.T) {
	now := time.Now()
	d := newDisk(filepath.Join(t.TempDir(), "builds.db"))
	d.most, d.now = 3, func() time.Time { return now }
	for i := range 3 {
		if err := d.take(fmt.Sprint("s", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.take("s3"); !errors.Is(err, errOpened) {
		t.Error(err)
	}
	now = now.Add(spentTime)
	for i := 3; i < 5; i++ {
		if err := d.take(fmt.Sprint("s", i)); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]error{"s2": errSpent, "s3": errSpent, "s4": errSpent} {
		if err := d.take(id); !errors.Is(err, want) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if err := d.take("s0"); err != nil { // s2, the oldest, makes room
		t.Error(err)
	}
	if err := d.take("s1"); !errors.Is(err, errOpened) {
		t.Error(err)
	}
}
