package cli

import (
	"fmt"
	"slices"
	"time"

	"github.com/pmezard/go-difflib/difflib"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// What can happen to an object, and how it came out.
const (
	opCreate    = "create"
	opUpdate    = "update"
	opDelete    = "delete"
	opUnchanged = "unchanged"

	outcomeDone     = "done"
	outcomeFailed   = "failed"
	outcomeNotTried = "not tried"
)

// step is what happens to one object.
type step struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"` // TENANT/NAME, or what the object is about
	Operation  string `json:"operation"`
	Difference string `json:"difference,omitempty"`
	Outcome    string `json:"outcome,omitempty"`
	Error      string `json:"error,omitempty"`

	tenant string
	want   *document
	have   []there
}

// plan compares the documents with what the server has: first what is made and changed, in the order of the kinds, then what is
// pruned, in the reverse order.
func plan(docs []*document, s *applyState, prune bool) ([]*step, error) {
	var steps []*step
	wanted := map[string]bool{}
	for _, k := range applyKinds() {
		for _, d := range docs {
			if d.kind.name != k.name {
				continue
			}
			if err := s.known(d); err != nil {
				return nil, err
			}
			wanted[d.key()] = true
			st, err := compare(d, s.objects[d.key()])
			if err != nil {
				return nil, err
			}
			steps = append(steps, st)
		}
	}
	if !prune {
		return steps, nil
	}
	kinds := applyKinds()
	slices.Reverse(kinds)
	for _, k := range kinds {
		for _, key := range s.order {
			have := s.objects[key]
			if have[0].kind.name != k.name || wanted[key] || k.kept || k.name == "Pool" && have[0].name == model.DefaultPool {
				continue
			}
			st, err := removal(k, have)
			if err != nil {
				return nil, err
			}
			if st.Difference != "" || k.name != "PolicySet" { // an empty set is as good as none
				steps = append(steps, st)
			}
		}
	}
	return steps, nil
}

// known says no to what only the server can make, and to what is about a node that is not there.
func (s *applyState) known(d *document) error {
	switch m := d.spec.(type) {
	case *bulkheadv1.Node:
		if len(s.objects[d.key()]) == 0 {
			return fmt.Errorf("%s: there is no node %s in the tenant %s; nodes join by themselves (`bulkhead agent --join`)", d.at, d.name, d.tenant)
		}
	case *bulkheadv1.Exception:
		if m.GetNode() != "" && s.nodes[d.tenant+"/"+m.GetNode()] == "" {
			return fmt.Errorf("%s: there is no node %s in the tenant %s", d.at, m.GetNode(), d.tenant)
		}
	}
	return nil
}

func compare(d *document, have []there) (*step, error) {
	st := &step{Kind: d.kind.name, Name: d.kind.label(d.spec, d.tenant, d.name), Operation: opCreate, tenant: d.tenant, want: d, have: have}
	d.takeEnd(have, time.Now())
	after, err := d.kind.render(d.spec, d.given)
	if err != nil {
		return nil, err
	}
	before := ""
	for i, h := range have {
		text, err := d.kind.render(h.message, d.given)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			before = text
		}
		if text == after {
			st.Operation = opUnchanged
			return st, nil
		}
		st.Operation = opUpdate
	}
	// An empty set of policies is as good as none.
	if d.kind.name == "PolicySet" && len(have) == 0 && after == "" {
		st.Operation = opUnchanged
		return st, nil
	}
	st.Difference, err = difference(before, after)
	return st, err
}

// takeEnd leaves an exception its last day where that is within the days that the document gives it: else it would be another one every day.
func (d *document) takeEnd(have []there, now time.Time) {
	last, ok := inDays(d.within, now)
	if !ok {
		return
	}
	for _, h := range have {
		e, is := h.message.(*bulkheadv1.Exception)
		want, both := d.spec.(*bulkheadv1.Exception)
		if is && both && e.GetExpires() >= now.UTC().Format(time.DateOnly) && e.GetExpires() <= last {
			want.Expires = e.GetExpires()
			return
		}
	}
}

func removal(k *applyKind, have []there) (*step, error) {
	h := have[0]
	before, err := k.render(h.message, k.fields)
	if err != nil {
		return nil, err
	}
	st := &step{Kind: k.name, Name: k.label(h.message, h.tenant, h.name), Operation: opDelete, tenant: h.tenant, have: have}
	st.Difference, err = difference(before, "")
	return st, err
}

func difference(before, after string) (string, error) {
	if before == after {
		return "", nil
	}
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: lines(before), B: lines(after), FromFile: "server", ToFile: "file", Context: 3,
	})
	if err != nil {
		return "", fmt.Errorf("compare: %w", err)
	}
	return text, nil
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return difflib.SplitLines(s[:len(s)-1]) // it ends with a line end, and difflib adds one
}

// count is how many steps there are of an operation.
func count(steps []*step, operation string) int {
	n := 0
	for _, s := range steps {
		if s.Operation == operation {
			n++
		}
	}
	return n
}

// fresh is a copy of what a document says, to send.
func fresh[T proto.Message](d *document) T { return proto.Clone(d.spec).(T) }
