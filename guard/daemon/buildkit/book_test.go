package buildkit

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestBookIsBounded(t *testing.T) {
	b := newBook("")
	for i := range mostSessionsEach {
		if _, err := b.open("s"+string(rune('a'+i%26))+strings.Repeat("x", i), "alice", func() {}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.open("more", "alice", func() {}); !errors.Is(err, errMany) {
		t.Error(err)
	}
	closed, err := b.open("more", "bob", func() {})
	if err != nil {
		t.Fatal(err)
	}
	closed()
	for _, of := range []string{"bob", "carol"} { // the builder has files by that name
		if _, err := b.open("more", of, func() {}); !errors.Is(err, errSpent) {
			t.Errorf("a second session of that name: %v", err)
		}
	}
	for i := range mostBuildsEach + 1 {
		if err := b.claim("b"+strings.Repeat("x", i%100)+string(rune('a'+i/100)), "alice"); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.builds) != mostBuildsEach || b.owns("ba", "alice") {
		t.Errorf("%d builds are kept", len(b.builds))
	}
	// When all places are taken the oldest of all goes, and nobody is kept from building.
	b = newBook("")
	b.most, b.each = 3, 2
	for _, of := range []string{"alice", "bob", "bob", "carol", "dave"} {
		if err := b.claim(fmt.Sprint("b", b.last), of); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.builds) != 3 || len(b.since) != 3 || len(b.order) != 3 || b.owns("b0", "alice") || b.owns("b1", "bob") || !b.owns("b2", "bob") || !b.owns("b4", "dave") {
		t.Errorf("%v %v", b.builds, b.order)
	}
	for _, id := range []string{"", "a:b", "../x", strings.Repeat("x", 200), "a b"} {
		if _, err := b.open(id, "alice", func() {}); err == nil {
			t.Errorf("%q is a session", id)
		}
	}
}

// Ids of sessions are remembered for an hour, of each account and of all only so many.
func TestSpent(t *testing.T) {
	s := newSpent()
	now := time.Now()
	s.now = func() time.Time { return now }
	for i := range mostSpentEach {
		if err := s.take(fmt.Sprint(i), "alice"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.take("more", "alice"); !errors.Is(err, errOpened) {
		t.Error(err)
	}
	if err := s.take("0", "bob"); !errors.Is(err, errSpent) {
		t.Error(err)
	}
	if err := s.take("more", "bob"); err != nil {
		t.Error(err)
	}
	now = now.Add(spentTime)
	if err := s.take("others", "alice"); err != nil || len(s.has) != mostSpentEach+1 || len(s.each["alice"]) != mostSpentEach {
		t.Errorf("%v: %d ids", err, len(s.has))
	}
	if err := s.take("0", "bob"); err != nil {
		t.Errorf("the oldest is not forgotten: %v", err)
	}
	for of := 0; len(s.has) < mostSpent; of++ {
		for i := range mostSpentEach {
			if len(s.has) < mostSpent && s.take(fmt.Sprint(of, "-", i), fmt.Sprint("u", of)) != nil {
				t.Fatal("there is room")
			}
		}
	}
	if err := s.take("one", "carol"); err != nil || len(s.has) != mostSpent {
		t.Errorf("the oldest of all is not forgotten: %v", err)
	}
}
