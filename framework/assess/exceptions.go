package assess

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// exceptions are the settings' exceptions, judged against the moment of the snapshot.
type exceptions []model.Exception

// newExceptions marks those that have expired. An exception without a readable date counts as expired.
func newExceptions(list []model.Exception, now time.Time) exceptions {
	out := make(exceptions, 0, len(list))
	for _, e := range list {
		end, err := time.Parse(time.DateOnly, e.Expires)
		e.Expired = err != nil || !now.Before(end.AddDate(0, 0, 1))
		out = append(out, e)
	}
	return out
}

// mark attaches to each failure of the check the exception that covers it; an expired one only if no other does.
func (ex exceptions) mark(res *model.CheckResult) {
	for i := range res.Evidence {
		ev := &res.Evidence[i]
		if ev.Status != model.CheckFail && ev.Status != model.CheckWarn {
			continue
		}
		for j := range ex {
			if !excepts(ex[j], res.ID, ev.Subject) {
				continue
			}
			if ev.Exception == nil || ev.Exception.Expired {
				e := ex[j]
				ev.Exception = &e
			}
		}
	}
}

// excepts says whether the exception names the check (or its requirement) and the subject.
func excepts(e model.Exception, check, subject string) bool {
	req, _, _ := strings.Cut(check, "/")
	if e.Check != check && e.Check != req {
		return false
	}
	if e.Subject == "" || e.Subject == "*" {
		return true
	}
	ok, err := path.Match(e.Subject, subject)
	return ok && err == nil
}

// excepted says whether every failure of the requirement is covered by an exception in force.
func excepted(res model.RequirementResult) bool {
	if res.Status != model.NotMet && res.Status != model.PartlyMet {
		return false
	}
	for _, c := range res.Checks {
		for _, ev := range c.Evidence {
			bad := ev.Status == model.CheckFail || ev.Status == model.CheckWarn
			if bad && (ev.Exception == nil || ev.Exception.Expired) {
				return false
			}
		}
	}
	return true
}

// Covers says whether an exception is in force and names what a node reports of itself: its kind or its requirement, and its subject.
func Covers(e model.Exception, f *model.Finding, now time.Time) bool {
	if newExceptions([]model.Exception{e}, now)[0].Expired {
		return false
	}
	return excepts(e, f.Kind, f.Subject) || f.Requirement != "" && excepts(e, f.Requirement, f.Subject)
}

// ValidateException says what is wrong with an exception as written in the configuration.
func ValidateException(e model.Exception) error {
	if err := validateForm(e); err != nil {
		return err
	}
	if !known(e.Check) {
		return fmt.Errorf("the exception for %s: there is no such check or requirement; see `bulkhead catalogue`", e.Check)
	}
	return nil
}

// ofNodes are kinds of findings that nodes report of themselves.
var ofNodes = regexp.MustCompile(`^node/[a-z0-9][a-z0-9-]{0,80}$`)

// ValidateStoredException does so for one that the control plane keeps, which may also be about what nodes report of themselves.
func ValidateStoredException(e model.Exception) error {
	if !ofNodes.MatchString(e.Check) {
		return ValidateException(e)
	}
	return validateForm(e)
}

func validateForm(e model.Exception) error {
	switch {
	case e.Check == "":
		return fmt.Errorf("an exception needs `check`: a check's id or a requirement's id")
	case strings.TrimSpace(e.Owner) == "":
		return fmt.Errorf("the exception for %s needs `owner`: who answers for it", e.Check)
	case strings.TrimSpace(e.Reason) == "":
		return fmt.Errorf("the exception for %s needs `reason`", e.Check)
	}
	if _, err := time.Parse(time.DateOnly, e.Expires); err != nil {
		return fmt.Errorf("the exception for %s needs `expires` as YYYY-MM-DD, not %q", e.Check, e.Expires)
	}
	if _, err := path.Match(e.Subject, ""); err != nil {
		return fmt.Errorf("the exception for %s: subject %q is not a glob: %w", e.Check, e.Subject, err)
	}
	return nil
}

func known(id string) bool {
	for _, c := range checks() {
		if c.ID == id || strings.HasPrefix(c.ID, id+"/") {
			return true
		}
	}
	return false
}
