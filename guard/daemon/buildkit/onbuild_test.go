package buildkit

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// shelf has images with what they do once they are built upon; others are not here.
type shelf map[string][]string

// Complete implements Objects.
func (s shelf) Complete(_ context.Context, a *call.Ask) error {
	asks, ok := a.Body.(*call.Solve)
	if !ok {
		return nil
	}
	asks.Triggers = map[string][]string{}
	for _, n := range asks.Images {
		list, here := s[n.Name]
		if !here {
			asks.Elsewhere = append(asks.Elsewhere, n)
		} else if len(list) > 0 {
			asks.Triggers[n.Name] = list
		}
		a.Uses = append(a.Uses, call.Use{Object: call.Object{Name: n.Name}, Field: n.Field})
	}
	return nil
}

// Forget implements Objects.
func (shelf) Forget() {}

// What base images do once they are built upon is judged with the file; where the room is strict, what can't be looked at is not built upon.
func TestTriggersAreJudged(t *testing.T) {
	here := shelf{"base:1": {"COPY --from=victim/secret:1 / /", "ADD https://h.test/x /"}, "plain:1": nil, "victim/secret:1": nil}
	for _, c := range []struct {
		text    string
		file    call.BuildFile
		uses    string
		fetches int
		unknown string // where the room is strict
	}{
		{text: "FROM base:1", uses: "base:1 victim/secret:1", fetches: 1},
		{text: "FROM plain:1", uses: "plain:1"},
		{text: "FROM scratch"},
		{text: "FROM far:1", uses: "far:1", unknown: "far:1\" does when it is built upon (ONBUILD) can't be seen: it is not on this host: pull it first"},
		{text: "FROM plain:1\nCOPY --from=far:1 / /", uses: "plain:1 far:1"}, // nothing is built upon that
		{text: "FROM plain:1", file: call.BuildFile{Pull: true}, uses: "plain:1", unknown: "leave --pull out"},
		{text: "FROM --platform=linux/s390x plain:1", uses: "plain:1", unknown: "another platform"},
	} {
		for _, strict := range []bool{false, true} {
			j := &judged{}
			r := New(Parts{Judge: j, Objects: here, Strict: func() bool { return strict }})
			who := (&world{}).caller("alice").Ask.Subject
			if err := r.Judge(t.Context(), who, []byte(c.text), &c.file); err != nil || len(j.asks) != 1 {
				t.Fatalf("%s: %v %v", c.text, err, j.strange)
			}
			asks, ok := j.asks[0].Body.(*call.Solve)
			if !ok {
				t.Fatal(j.asks[0])
			}
			var uses []string
			for _, u := range j.asks[0].Uses {
				uses = append(uses, u.Object.Name)
			}
			if strings.Join(uses, " ") != c.uses || len(asks.Fetches) != c.fetches {
				t.Errorf("%s: %v %v", c.text, uses, asks.Fetches)
			}
			want := strict && c.unknown != ""
			if has := slices.ContainsFunc(asks.Unknown, func(s string) bool { return strings.Contains(s, c.unknown) }); len(asks.Unknown) > 0 != want || want && !has {
				t.Errorf("%s, strict %v: %v", c.text, strict, asks.Unknown)
			}
		}
	}
}
