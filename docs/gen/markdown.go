package main

import "strings"

// special are characters that Markdown would take for markup. Line breaks stay visible.
var special = strings.NewReplacer(`\`, `\\`, "*", `\*`, "<", "&lt;", "|", `\|`, "$", `\$`, "[", `\[`, "\n", "<br>")

// escape makes a text safe inside a paragraph or a table's cell; code between backquotes keeps its characters, except
// for the bar, which ends a cell even in code.
func escape(s string) string {
	parts := strings.Split(strings.TrimSpace(s), "`")
	if len(parts)%2 == 0 {
		return strings.ReplaceAll(special.Replace(strings.TrimSpace(s)), "`", "\\`")
	}
	for i := range parts {
		if i%2 == 0 {
			parts[i] = special.Replace(parts[i])
		} else {
			parts[i] = strings.ReplaceAll(parts[i], "|", `\|`)
		}
	}
	return strings.Join(parts, "`")
}
