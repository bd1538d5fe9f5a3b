package accounts

import (
	"errors"
	"os/user"
	"strconv"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"
)

// Directory knows the users of the machine.
type Directory interface {
	// User gives a user by number: its name and the numbers of its groups; an empty name where there is none.
	User(uid uint32) (OSUser, error)
	// Group gives a group's name by number; empty where there is none.
	Group(gid uint32) (string, error)
	// Number gives a user's number by name.
	Number(name string) (uint32, error)
}

// OSUser is a user of the machine.
type OSUser struct {
	Name   string
	Groups []uint32
}

// hostUsers are those of the machine's own files, remembered for a moment.
type hostUsers struct {
	users  *expirable.LRU[uint32, OSUser]
	groups *expirable.LRU[uint32, string]
}

// How much of the machine's users is remembered, and how long: so long takes a change of groups at most.
const (
	mostNames = 4096
	nameLife  = 15 * time.Second
)

func newHostUsers() *hostUsers {
	return &hostUsers{
		users:  expirable.NewLRU[uint32, OSUser](mostNames, nil, nameLife),
		groups: expirable.NewLRU[uint32, string](mostNames, nil, nameLife),
	}
}

// User implements Directory.
func (h *hostUsers) User(uid uint32) (OSUser, error) {
	if u, ok := h.users.Get(uid); ok {
		return u, nil
	}
	var out OSUser
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	var unknown user.UnknownUserIdError
	switch {
	case errors.As(err, &unknown):
	case err != nil:
		return out, err
	default:
		out.Name = u.Username
		ids, err := u.GroupIds()
		if err != nil {
			return out, err
		}
		for _, id := range ids {
			if n, ok := number(id); ok {
				out.Groups = append(out.Groups, n)
			}
		}
	}
	h.users.Add(uid, out)
	return out, nil
}

// Group implements Directory.
func (h *hostUsers) Group(gid uint32) (string, error) {
	if name, ok := h.groups.Get(gid); ok {
		return name, nil
	}
	name := ""
	g, err := user.LookupGroupId(strconv.FormatUint(uint64(gid), 10))
	var unknown user.UnknownGroupIdError
	switch {
	case errors.As(err, &unknown):
	case err != nil:
		return "", err
	default:
		name = g.Name
	}
	h.groups.Add(gid, name)
	return name, nil
}

// Number implements Directory.
func (h *hostUsers) Number(name string) (uint32, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, err
	}
	n, ok := number(u.Uid)
	if !ok {
		return 0, errors.New("its number is none")
	}
	return n, nil
}
