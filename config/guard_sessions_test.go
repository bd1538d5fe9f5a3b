package config

import (
	"strings"
	"testing"
	"time"
)

func TestGuardSessions(t *testing.T) {
	const public = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
	for name, c := range map[string]struct {
		change func(g *GuardSessions)
		want   string
	}{
		"the defaults":        {func(*GuardSessions) {}, ""},
		"always":              {func(g *GuardSessions) { g.Record, g.Recipients = RecordAlways, []string{public} }, ""},
		"always for nobody":   {func(g *GuardSessions) { g.Record = RecordAlways }, "bulkhead guard keys new"},
		"another word":        {func(g *GuardSessions) { g.Record = "sometimes" }, "never, policy or always"},
		"a private key":       {func(g *GuardSessions) { g.Recipients = []string{"AGE-SECRET-KEY-1QQ"} }, "private key"},
		"no key":              {func(g *GuardSessions) { g.Recipients = []string{"ssh-ed25519 AAAA"} }, "age public key"},
		"a relative path":     {func(g *GuardSessions) { g.Dir = "recordings" }, "full path"},
		"too small":           {func(g *GuardSessions) { g.MostBytes = 1 }, "most_bytes"},
		"less for all":        {func(g *GuardSessions) { g.MostTotal = g.MostBytes - 1 }, "most_total"},
		"too short":           {func(g *GuardSessions) { g.Keep = time.Minute }, "keep"},
		"for ever":            {func(g *GuardSessions) { g.Keep = 0 }, ""},
		"too many recipients": {func(g *GuardSessions) { g.Recipients = strings.Split(strings.Repeat(public+" ", 16)+public, " ") }, "most"},
	} {
		g := DefaultGuardSessions()
		c.change(&g)
		err := g.validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "AGE-SECRET-KEY-1QQ") {
			t.Errorf("%s: the error shows a key: %v", name, err)
		}
	}
	g := DefaultGuardSessions()
	if g.Wanted(false) || !g.Wanted(true) || g.Path("/d") != "/d/sessions" {
		t.Errorf("%+v", g)
	}
}
