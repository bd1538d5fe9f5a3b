package authn

import (
	"errors"

	"github.com/bulkhead-security/bulkhead/model"
)

func fail(code model.Code, message, remedy string, err error) error {
	return &model.Error{Code: code, Message: message, Remedy: remedy, Err: err}
}

func errCredentials(err error) error {
	return fail(model.CodeUnauthenticated, "the name or the password is wrong",
		"check both; after several failures wait, or ask an administrator for a new enrolment link", err)
}

func errSession(err error) error {
	return fail(model.CodeUnauthenticated, "nobody is signed in with this session or token", "sign in again", err)
}

func errFactor(err error) error {
	return fail(model.CodeUnauthenticated, "the second factor was not accepted",
		"wait for the next code, or use another factor or a recovery code", err)
}

func errShowFactor() error {
	return fail(model.CodeFactorRequired, "a second factor must be shown in this session first",
		"show a passkey or a code from your app", nil)
}

func errShowPasskey() error {
	return fail(model.CodeFactorRequired, "this account has a passkey, so it must be shown for this, not a weaker factor",
		"show the passkey; if it is lost, ask an administrator for a new enrolment link", nil)
}

func errStepUp() error {
	return fail(model.CodeStepUpRequired, "a second factor must be shown again for this", "show it and try again", nil)
}

func errTicket(err error) error {
	return fail(model.CodeExpired, "the code or challenge is used, over or unknown", "begin again", err)
}

// missing tells a missing object from a store that does not answer.
func missing(err error) bool {
	return model.CodeOf(err) == model.CodeNotFound || model.CodeOf(err) == model.CodeExpired
}

// coded keeps errors that have a code and calls all others unavailable, since they come from the store.
func coded(err error, doing string) error {
	var e *model.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return fail(model.CodeUnavailable, doing+" failed", "try again; the server's log has more", err)
}
