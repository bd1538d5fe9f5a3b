//go:build e2e

package guarded

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// loads: an archive brings images under names that are nobody's or the caller's own, and takes no name from anybody else.
func (g *guarded) loads() {
	g.Helper()
	archive := func(name string) string { return filepath.Join(g.dir, name+".tar") }
	if err := os.WriteFile(filepath.Join(g.dir, "context", "Dockerfile"), []byte("FROM busybox:1\nRUN echo tool > /tool\n"), 0o644); err != nil {
		g.Fatal(err)
	}
	g.may("olga", "", "build", "-t", "olga/tool:1", filepath.Join(g.dir, "context"))
	g.may("olga", "", "save", "-o", archive("own"), "olga/tool:1")

	// The same image under names of others, as a forged archive has it.
	for name, of := range map[string]string{"host": "busybox:1", "alice": "alice/loud:1"} {
		g.direct("tag", of, "kept:1")
		g.direct("tag", "olga/tool:1", of)
		g.direct("save", "-o", archive(name), "olga/tool:1", of)
		g.direct("tag", "kept:1", of)
		g.direct("rmi", "kept:1")
	}
	images := func() []string { // those made in the same second stand in any order
		return slices.Sorted(strings.Lines(g.direct("images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}") + "\n"))
	}
	before := images()
	g.mayNot("olga", "busybox:1", "load", "-i", archive("host"))
	g.mayNot("oleg", "alice/loud:1", "load", "-i", archive("alice"))
	g.mayNot("oleg", "olga/tool:1", "load", "-i", archive("own"))
	g.mayNot("alice", "", "load", "-i", archive("own"))
	if after := images(); !slices.Equal(after, before) {
		g.Errorf("images were\n%s\nand are\n%s", before, after)
	}
	if !recorded(g, "olga", "ImageTag", model.OutcomeRefused) {
		g.Error("the refusal of an archive is in no log")
	}

	g.may("olga", "", "rmi", "olga/tool:1")
	g.may("olga", "Loaded image: olga/tool:1", "load", "-i", archive("own"))
	g.may("olga", "tool", "run", "--rm", "olga/tool:1", "cat", "/tool")
	g.mayNot("oleg", "", "run", "--rm", "olga/tool:1", "cat", "/tool")
	g.may("root", "busybox:1", "load", "-i", archive("host")) // who may see the whole host may do so
	g.may("root", "", "rmi", "-f", "busybox:1")
}
