package api

import (
	"context"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// PeopleReader finds accounts and what their groups give them.
type PeopleReader interface {
	Account(ctx context.Context, id string) (*model.Account, error)
	GroupsOf(ctx context.Context, a *model.Account) ([]model.AccountGroup, error)
}

// independent holds that who approves is a second person: not one whom the requester let in or gave the right to, and none who
// came by it after the request was made. Whoever makes an invitation can be who uses it.
func independent(ctx context.Context, people PeopleReader, approver, requester string, asked time.Time) error {
	who, err := people.Account(ctx, approver)
	if err != nil {
		return err
	}
	groups, err := people.GroupsOf(ctx, who)
	if err != nil {
		return err
	}
	why := ""
	switch {
	case who.InvitedBy == requester:
		why = "your account's last invitation was made by the person who asks"
	case who.GrantedBy == requester:
		why = "your rights were given by the person who asks"
	case who.Created.After(asked), who.Invited.After(asked):
		why = "your account was made or invited after the request"
	case who.Granted.After(asked):
		why = "your rights were given after the request"
	}
	for i := range groups {
		if why == "" && groups[i].Granted.After(asked) {
			why = "a group gave you rights after the request"
		}
	}
	if why == "" {
		return nil
	}
	return &model.Error{
		Code: model.CodeDenied, Message: "you are no independent second person here: " + why,
		Remedy: "Have somebody else approve, or have it asked for again where only the time is wrong.",
	}
}
