package model

import (
	"errors"
	"time"
)

// Code is a stable name of what went wrong, for machines. docs/errors.md lists them.
type Code string

// The codes of errors.
const (
	CodeInvalid           Code = "invalid"            // the request is malformed or breaks a rule
	CodeUnauthenticated   Code = "unauthenticated"    // nobody, or no longer, signed in
	CodeFactorRequired    Code = "factor_required"    // a second factor must be shown or registered first
	CodeStepUpRequired    Code = "step_up_required"   // a second factor must be shown again
	CodeApprovalRequired  Code = "approval_required"  // a second person must approve
	CodeDenied            Code = "denied"             // no policy permits it, or one forbids it
	CodeNotFound          Code = "not_found"          // there is no such object, or none that the caller may see
	CodeExists            Code = "exists"             // the name is taken
	CodeConflict          Code = "conflict"           // it was changed in between
	CodeLastAdministrator Code = "last_administrator" // nobody could administer afterwards
	CodeTooMany           Code = "too_many_requests"  // a limit of rate or count
	CodeTooLarge          Code = "too_large"          // a limit of size
	CodeExpired           Code = "expired"            // the link, challenge, cursor or code is over
	CodeAuditUnavailable  Code = "audit_unavailable"  // the record can't be written, so the change is refused
	CodeUnavailable       Code = "unavailable"        // the store or another part does not answer
	CodeInternal          Code = "internal"           // a defect; the log has more
)

// Error is an error with a code for machines, a message for people, and what to do about it. What it wraps is for the
// log and is never shown to a caller.
type Error struct {
	Code     Code
	Message  string
	Remedy   string
	Field    string   // of the request
	Record   string   // "ORIGIN/INDEX" in the audit log
	Policies []string // that refused
	// Wait is how long to wait before trying again, where that is known.
	Wait time.Duration
	Err  error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap gives what it wraps.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the code of the first Error in the chain, "" for nil and CodeInternal for any other error.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}
