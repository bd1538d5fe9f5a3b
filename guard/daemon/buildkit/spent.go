package buildkit

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// Bounds of ids of sessions that are remembered.
const (
	mostSpent     = 200_000
	mostSpentEach = 20_000 // of one account
	spentTime     = time.Hour
)

// Errors of ids of sessions.
var (
	errSpent  = errors.New("there was one of that name, whose files the builder may still have: open one of another name, as clients do by themselves")
	errOpened = errors.New("too many were opened within an hour: try again later")
)

// spent are ids of sessions that were there: the builder keeps files by a session's id, and a second one of that id would be taken for the
// first. They are kept for an hour at the least, and longer as far as there is room.
type spent struct {
	has  map[spentID]bool
	each map[string][]spentAt // account → its ids, the oldest first
	now  func() time.Time
}

type spentID [sha256.Size / 2]byte

type spentAt struct {
	id spentID
	at time.Time
}

func spentKey(id string) spentID {
	sum := sha256.Sum256([]byte(id))
	return spentID(sum[:len(spentID{})])
}

func newSpent() *spent {
	return &spent{has: map[spentID]bool{}, each: map[string][]spentAt{}, now: time.Now}
}

// take notes an id that nobody had.
func (s *spent) take(id, of string) error {
	key := spentKey(id)
	if s.has[key] {
		return fmt.Errorf("session %s: %w", id, errSpent)
	}
	if len(s.each[of]) >= mostSpentEach && !s.drop(of) || len(s.has) >= mostSpent && !s.drop(s.oldest()) {
		return fmt.Errorf("sessions: %w", errOpened)
	}
	s.has[key] = true
	s.each[of] = append(s.each[of], spentAt{key, s.now()})
	return nil
}

// drop forgets an account's oldest id, if it is old enough.
func (s *spent) drop(of string) bool {
	list := s.each[of]
	if len(list) == 0 || s.now().Sub(list[0].at) < spentTime {
		return false
	}
	delete(s.has, list[0].id)
	if s.each[of] = list[1:]; len(list) == 1 {
		delete(s.each, of)
	}
	return true
}

// oldest is the account that has the oldest id.
func (s *spent) oldest() string {
	oldest := ""
	for of, list := range s.each {
		if oldest == "" || list[0].at.Before(s.each[oldest][0].at) {
			oldest = of
		}
	}
	return oldest
}
