package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/config"
)

// everything is an App whose tree has all verbs. Only the tree is good for something.
func everything() *App {
	return &App{
		Server: struct{ Server }{}, Drills: struct{ Drills }{}, Agent: struct{ Agent }{}, Guard: struct{ Guard }{},
		Database: func(context.Context, config.Server, string, bool, *slog.Logger) (Database, error) {
			return nil, errors.New("none")
		},
		EngineLock: func(config.Config) (EngineLock, error) { return nil, errors.New("none") },
	}
}

// verbs are the visible commands that do something, by their path without the program's name.
func verbs(cmd *cobra.Command) map[string]*cobra.Command {
	all := map[string]*cobra.Command{}
	for _, sub := range cmd.Commands() {
		if sub.Hidden || sub.Name() == "help" || sub.Name() == "completion" { // cobra's own
			continue
		}
		all[strings.TrimPrefix(sub.CommandPath(), "bulkhead ")] = sub
		for path, c := range verbs(sub) {
			all[path] = c
		}
	}
	return all
}

// TestDocumentedVerbs holds docs/command-line.md to the command tree: each verb has its place there, and nothing else has.
func TestDocumentedVerbs(t *testing.T) {
	b, err := os.ReadFile("../docs/command-line.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{} // verb to its row
	quoted := regexp.MustCompile("`([a-z][a-z-]*)[^`]*`")
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(cells[1], -1) {
			rows[m[1]] += line
		}
		if strings.HasPrefix(cells[1], " Exit") {
			break
		}
	}
	all := verbs(everything().Root())
	for path := range all {
		first, rest, _ := strings.Cut(path, " ")
		if !regexp.MustCompile("`"+regexp.QuoteMeta(strings.TrimSpace(rest))+"[` ]").MatchString(rows[first]) && rest != "" || rows[first] == "" {
			t.Errorf("docs/command-line.md lacks %q", path)
		}
	}
	for name := range rows {
		if all[name] == nil && name != "completion" {
			t.Errorf("docs/command-line.md has %q, which is no verb", name)
		}
	}
}

func TestEveryVerbHasAnExample(t *testing.T) {
	for path, cmd := range verbs(everything().Root()) {
		if !strings.Contains(cmd.Example, "bulkhead "+path) {
			t.Errorf("%s has no example of its own: %q", path, cmd.Example)
		}
	}
}

func TestHelpIsUnderHeadings(t *testing.T) {
	a := everything()
	var out bytes.Buffer
	a.Out, a.Err, a.In = &out, &out, strings.NewReader("")
	if code := a.Run(t.Context(), []string{"--help"}); code != ExitOK {
		t.Fatalf("exit %d: %s", code, &out)
	}
	at := -1
	for _, title := range []string{"Measure:", "Control plane:", "Fleet:", "Guard:", "Rights:", "Prove:", "Keep:"} {
		i := strings.Index(out.String(), "\n"+title)
		if i <= at {
			t.Errorf("%q is missing or out of place in\n%s", title, &out)
		}
		at = i
	}
	free := []string{"config", "man", "version", "help", "completion"}
	for _, cmd := range a.Root().Commands() {
		if cmd.GroupID == "" && !slices.Contains(free, cmd.Name()) {
			t.Errorf("%s has no heading", cmd.Name())
		}
	}
}

func TestCompletion(t *testing.T) {
	for line, want := range map[string][]string{
		"policy validate ":                      {":16"}, // cobra.ShellCompDirectiveFilterDirs
		"policy test ":                          {":16"},
		"policy diff ":                          {":16"},
		"policy apply ":                         {":16"},
		"policy apply x ":                       {":4"},
		"policy explain ":                       {"ContainerExec", "UserUpdate", ":4"},
		"policy who-can ContainerExec ":         {"Container::", ":6"},
		"policy what-can ":                      {"Tenant::", ":6"},
		"access request ":                       {"ContainerExec", ":4"},
		"tokens create ci --scope ":             {"*", "AssessmentPublish", "EngineChange", ":4"},
		"users list --output ":                  {"text", "json", ":4"},
		"assess --output ":                      {"sarif", "oscal", ":4"},
		"assessments show x --output ":          {"html", ":4"},
		"catalogue -o ":                         {"oscal", ":4"},
		"users create bob --role ":              {"administrator", "node", ":4"},
		"groups update night --role ":           {"operator", ":4"},
		"guard docker --profile ":               {"baseline", "restricted", ":4"},
		"guard docker --mode ":                  {"enforce", "observe", ":4"},
		"guard token ":                          {":4"},
		"guard calls --outcome ":                {"allowed", "refused", "would_refuse", ":4"},
		"guard preview --log ":                  {":16"},
		"account factors delete ":               {":4"},
		"policy explain ContainerExec Host::x ": {":4"},
	} {
		a := everything()
		var out bytes.Buffer
		a.Out, a.Err, a.In = &out, &bytes.Buffer{}, strings.NewReader("")
		args := strings.Split(line, " ")
		a.Run(t.Context(), append([]string{"__complete"}, args...))
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		for _, w := range want {
			if !slices.Contains(lines, w) {
				t.Errorf("%q offers %s, not %q", line, fmt.Sprint(lines), w)
			}
		}
		if strings.HasPrefix(line, "access request ") && slices.Contains(lines, "Watch") {
			t.Error("Watch can't be asked for")
		}
	}
}
