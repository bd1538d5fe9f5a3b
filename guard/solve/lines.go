package solve

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// documents notes what stands in here-documents like an instruction: to a builder that does not know these, it is one.
func (r *reading) documents(n *parser.Node) {
	for _, c := range n.Children {
		for _, h := range c.Heredocs {
			r.lines(h.Content)
		}
	}
}

// lines notes what looks like an instruction to whoever reads lines.
func (r *reading) lines(text string) {
	from := regexp.MustCompile(`(?im)^\s*(?:onbuild\s+)?from\s+(?:--\S+\s+)*["']?([^\s"'$]+)["']?(?:\s+as\s+\S+)?\s*$`)
	copied := regexp.MustCompile(`(?im)^\s*(?:onbuild\s+)?(copy|run)\s(.*)$`)
	source := regexp.MustCompile(`(?i)from=["']?([^\s"',$]+)`)
	added := regexp.MustCompile(`(?im)^\s*(?:onbuild\s+)?add\s+(?:--\S+\s+)*(.*)$`)
	const at = fileName + " (a line in it)"
	note := func(name string) {
		if name != scratch {
			r.image(name, at)
		}
	}
	for _, m := range from.FindAllStringSubmatch(text, -1) {
		note(m[1])
	}
	for _, m := range copied.FindAllStringSubmatch(text, -1) {
		for _, s := range source.FindAllStringSubmatch(m[2], -1) {
			if _, err := strconv.Atoi(s[1]); err != nil || strings.EqualFold(m[1], "run") { // see command
				note(s[1])
			}
		}
	}
	for _, m := range added.FindAllStringSubmatch(text, -1) {
		for _, word := range strings.Fields(strings.NewReplacer(`"`, " ", `,`, " ", "[", " ").Replace(m[1])) {
			if isAddress(word) {
				r.fetch(word)
			}
		}
	}
}
