package authz

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pmezard/go-difflib/difflib"

	"github.com/bulkhead-security/bulkhead/model"
)

// Limits of what is compared line by line: comparing takes the square of the lines of a file that was made for it.
const (
	maxDiffFile = 4000  // lines of both versions of a file
	maxDiffAll  = 20000 // of all files that differ
)

// Diff is the unified difference between two sets of files, by name; empty where there is none. Long files that differ are named
// only.
func Diff(old, draft []model.PolicyFile) (string, error) {
	texts := map[string][2]string{}
	for i, files := range [2][]model.PolicyFile{old, draft} {
		for _, f := range files {
			t := texts[f.Name]
			t[i] = f.Text
			texts[f.Name] = t
		}
	}
	names := make([]string, 0, len(texts))
	for n := range texts {
		names = append(names, n)
	}
	slices.Sort(names)
	var b strings.Builder
	left := maxDiffAll
	for _, n := range names {
		t := texts[n]
		if t[0] == t[1] {
			continue
		}
		count := strings.Count(t[0], "\n") + strings.Count(t[1], "\n")
		if count > min(maxDiffFile, left) {
			fmt.Fprintf(&b, "--- in force/%s\n+++ draft/%s\n(too long to be compared line by line)\n", n, n)
			continue
		}
		left -= count
		d, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
			A: lines(t[0]), B: lines(t[1]), FromFile: "in force/" + n, ToFile: "draft/" + n, Context: 3,
		})
		if err != nil {
			return "", fmt.Errorf("comparing %s: %w", n, err)
		}
		b.WriteString(d)
	}
	return b.String(), nil
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return difflib.SplitLines(strings.TrimSuffix(text, "\n"))
}

// Change is a recorded request that a draft decides otherwise.
type Change struct {
	Request model.Request
	Was     bool
	Now     model.Decision
}

// Effect is what a draft would have done to recorded requests.
type Effect struct {
	Replayed, NewlyRefused, NewlyPermitted int64
	Changes                                []Change // examples
}

// Replay decides a recorded request by what is in force and by the draft, and counts where they differ. Both are asked,
// so that a difference is the draft's doing and not that of a policy which changed since, or of an action that failed.
func (f *Effect) Replay(ctx context.Context, now, draft *Engine, r model.Request, examples int) {
	f.Replayed++
	before, after := now.now.Load().decide(&r, Assume{}), draft.now.Load().decide(&r, Assume{})
	if ctx.Err() != nil || before.Allowed == after.Allowed {
		return
	}
	if after.Allowed {
		f.NewlyPermitted++
	} else {
		f.NewlyRefused++
	}
	if len(f.Changes) < examples {
		f.Changes = append(f.Changes, Change{Request: r, Was: before.Allowed, Now: after})
	}
}

// Sources are the policies of a decision with their text, in the decision's order.
func (e *Engine) Sources(ids []string) []Source {
	var out []Source
	for _, id := range ids {
		for _, p := range e.now.Load().entries {
			if p.ID == id {
				out = append(out, p.Source)
			}
		}
	}
	return out
}

// Right is what a principal may do.
type Right struct {
	Principal model.Principal
	Action    string
	Policies  []string
}

// ownRight is asked about: with two fresh factors, and with no approval of another.
var ownRight = Assume{Factor: true, PhishingResistant: true, Fresh: true, NoFourEyes: true}

// WhoCan lists those principals who may do what the request says, of their own right with two fresh factors, at most so
// many; more tells that there are others.
func (e *Engine) WhoCan(ctx context.Context, r model.Request, principals []model.Principal, most int) (rights []Right, more bool) {
	for _, p := range principals {
		if ctx.Err() != nil {
			return rights, true
		}
		r.Principal = p
		if d := e.now.Load().decide(&r, ownRight); d.Allowed {
			if len(rights) == most {
				return rights, true
			}
			rights = append(rights, Right{Principal: p, Action: r.Action, Policies: d.Policies})
		}
	}
	return rights, false
}

// WhatCan lists the actions that the request's principal may do to its resource, as WhoCan.
func (e *Engine) WhatCan(ctx context.Context, r model.Request) []Right {
	var rights []Right
	for _, a := range e.schema.ActionsOn(r.Resource.Type) {
		r.Action = a
		if more, _ := e.WhoCan(ctx, r, []model.Principal{r.Principal}, 1); len(more) > 0 {
			rights = append(rights, more...)
		}
	}
	return rights
}

// MayApprove tells whether a principal may do by own right what another asks for.
func (e *Engine) MayApprove(ctx context.Context, r model.Request) model.Decision {
	r.Approved = false
	return e.DecideAssuming(ctx, r, Assume{NoFourEyes: true})
}

// WouldApprovalHelp tells whether the request would be permitted with two fresh factors once a second person approved.
func (e *Engine) WouldApprovalHelp(r model.Request) model.Decision {
	return e.now.Load().decide(&r, Assume{Factor: true, PhishingResistant: true, Fresh: true, Approved: true})
}
