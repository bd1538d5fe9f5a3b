package buildkit

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestBookIsBounded(t *testing.T) {
	b := newBook()
	for i := range mostSessionsEach {
		if _, err := b.open("s"+string(rune('a'+i%26))+strings.Repeat("x", i), "alice", func() {}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.open("more", "alice", func() {}); !errors.Is(err, errMany) {
		t.Error(err)
	}
	if closed, err := b.open("more", "bob", func() {}); err != nil {
		t.Error(err)
	} else {
		closed()
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
	b = newBook()
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
