package main

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestCounted says what was removed, also where the run failed, and has a Chinese name for all that there is to remove.
func TestCounted(t *testing.T) {
	broken := errors.New("disk full")
	for _, c := range []struct {
		of   map[string]int64
		want model.Text
	}{
		{map[string]int64{"tokens": 2, "audit_index": 3, "events": 0}, model.Text{EN: "audit index 3, tokens 2", ZH: "审计索引 3 项，API 令牌 2 项"}},
		{map[string]int64{"events": 0}, model.Text{EN: "nothing was over", ZH: "没有到期的内容"}},
		{map[string]int64{"new_kind": 1}, model.Text{EN: "new kind 1", ZH: "new kind 1 项"}},
	} {
		if got, err := counted(c.of, broken); got != c.want || !errors.Is(err, broken) {
			t.Errorf("%v: %+v, %v", c.of, got, err)
		}
	}
	p := mustOpen(t, planeConfig(t.TempDir(), "a"))
	defer p.close()
	const h = time.Hour
	all, err := p.store.Prune(t.Context(), model.Retention{
		AuditIndex: h, Assessments: h, Sessions: h, Tokens: h, Changes: h, Jobs: h, Events: h, Findings: h, Rollouts: h, Objects: h, Proposals: h, Reports: h, Answers: h,
	}, time.Now())
	if err != nil || len(all) < 20 {
		t.Fatal(all, err)
	}
	for kind := range all {
		if !strings.ContainsFunc(removed(kind), func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			t.Errorf("%s has no Chinese name", kind)
		}
	}
}
