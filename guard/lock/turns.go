package lock

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// What the audit log calls a lock and its end.
const (
	actionLock   = "EngineLock"
	actionUnlock = "EngineUnlock"
)

// turn is a lock, or its end, that is not in the audit log yet, and that another has followed.
type turn struct {
	Action string    `json:"action"`
	Since  time.Time `json:"since"`
	By     string    `json:"by"`
}

// mostTurns are kept, the last of them: while nobody watches, nobody records either.
const mostTurns = 64

func (c turn) equal(o turn) bool {
	return c.Action == o.Action && c.By == o.By && c.Since.Equal(o.Since)
}

// id is that of its record: the same one whoever records it, and however often, so that it is known as the same.
func (c turn) id(host string) string {
	id := uuid.NewHash(sha256.New(), uuid.Nil, []byte(strings.Join([]string{host, c.Action, c.Since.UTC().Format(time.RFC3339Nano), c.By}, "\n")), 7)
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(c.Since.UnixMilli(), 0)))
	copy(id[:6], ms[2:])
	return id.String()
}

// with adds turns that are not in a list yet.
func with(list []turn, more ...turn) []turn {
	for _, c := range more {
		if !slices.ContainsFunc(list, c.equal) {
			list = append(list, c)
		}
	}
	return list[max(0, len(list)-mostTurns):]
}

func without(list []turn, c turn) []turn {
	return slices.DeleteFunc(slices.Clone(list), c.equal)
}

// unlockedBefore is what an unlock that is over left unrecorded. One whose word can't be trusted is recorded without it.
func (l *Lock) unlockedBefore() ([]turn, error) {
	u, err := l.loadUnlocked()
	if err == nil && u == nil {
		return nil, nil
	}
	if err != nil {
		info, serr := os.Lstat(l.unlockedPath())
		if errors.Is(serr, fs.ErrNotExist) {
			return nil, nil
		}
		if serr != nil {
			return nil, serr
		}
		return []turn{{Action: actionUnlock, Since: info.ModTime().UTC(), By: "unknown: what the unlock left behind can't be trusted"}}, nil
	}
	if u.Recorded {
		return u.Unrecorded, nil
	}
	return with(u.Unrecorded, u.turn()), nil
}

func (u *unlocked) turn() turn { return turn{Action: actionUnlock, Since: u.Since, By: u.By} }

// recorded notes that a turn is in the audit log, where it is one of this file's.
func (u *unlocked) recorded(c turn) bool { return noted(c, u.turn(), &u.Recorded, &u.Unrecorded) }

func (s *state) turn() turn { return turn{Action: actionLock, Since: s.Since, By: s.By} }

func (s *state) recorded(c turn) bool { return noted(c, s.turn(), &s.Recorded, &s.Unrecorded) }

func noted(c, own turn, recorded *bool, unrecorded *[]turn) bool {
	is, among := own.equal(c), slices.ContainsFunc(*unrecorded, c.equal)
	*recorded = *recorded || is
	*unrecorded = without(*unrecorded, c)
	return is || among
}

// lockedBefore is what a lock that ends left unrecorded.
func (s *state) lockedBefore() []turn {
	if s.Recorded {
		return s.Unrecorded
	}
	return with(s.Unrecorded, s.turn())
}
