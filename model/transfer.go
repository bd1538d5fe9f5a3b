package model

import "time"

// Transfer is a recording of a session on its way from its node to whoever asked for it. Its parts wait in the store for minutes: the
// replica that the node talks to and the one that is asked may be two.
type Transfer struct {
	ID, Tenant, Node string
	// User is who asked, and the only one who gets it.
	User, UserName string
	Recording      string // its id
	Bytes          int64  // as the audit log says
	Next           int    // number of the part that the node sends next
	Done           bool   // nothing follows
	Failed         string // why it can't be sent
	Reading        bool   // somebody reads it: once
	Created        time.Time
	// Expires is when it is over, unless whoever reads it says before that it goes on: a replica that died says nothing. Until is the end in any case.
	Expires, Until time.Time
}
