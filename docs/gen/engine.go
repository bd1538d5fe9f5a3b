package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// engineAPI writes the table of the calls that the guard knows.
func engineAPI(files map[string][]byte) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# The engine's API through the guard

Every call of the container engine's API, versions %s to %s, with what the guard asks Cedar about it, and what it could give away or
let somebody do. A call that is not here does not exist for whoever comes through the guard: it is refused with 404 and recorded. Lists, events and
figures are asked about entry by entry ("each"); what a body names beside (networks, volumes, images, other containers) is asked about by
an action of its own. This page is made from the guard's own table (guard/route).

`, route.OldestVersion, route.NewestVersion)
	b.WriteString("| Call | Versions | Action | Asked about | Effect | Body | What it can give away, or do |\n|---|---|---|---|---|---|---|\n")
	for _, r := range route.Table() {
		action, on := judge.Asked(r.Action)
		fmt.Fprintf(&b, "| `%s %s` | %s | `%s` | %s | %s | %s | %s |\n", r.Method, r.Path, span(r), action, on, r.Effect, carried(r.Body), r.Gives)
	}
	b.WriteString(`
## BuildKit

What is spoken after ` + "`POST /grpc`" + `: these calls of the builder's own protocol, and no others. Fields that the guard does not know are refused, too.
Builds and sessions belong to whoever opened them. Reading the history of an own build is asked about as ` + "`BuildKitUse`" + `.

`)
	b.WriteString("| Call | Action | Asked about | Effect | What it can give away, or do |\n|---|---|---|---|---|\n")
	for _, r := range route.Services() {
		action, on := judge.Asked(r.Action)
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", r.Path, action, on, r.Effect, r.Gives)
	}
	b.WriteString("\nParameters that the guard does not know are refused, too: `bulkhead guard routes --output json` lists those that it knows.\n")
	files["engine-api.md"] = b.Bytes()
}

func span(r route.Route) string {
	if r.Since != "" {
		return r.Since + "–"
	}
	return "all"
}

func carried(b route.Body) string {
	if b == route.None {
		return ""
	}
	return strings.ReplaceAll(string(b), "|", "/")
}
