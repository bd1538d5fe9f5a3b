package assess

import (
	"slices"
	"strings"
)

// levels collects who has which level.
type levels map[string][]string

func (l levels) add(level, who string) {
	if level != "" {
		l[level] = append(l[level], who)
	}
}

// String lists the levels, each with who has it: "internal (web), secret (db)".
func (l levels) String() string {
	var parts []string
	for level, who := range l {
		slices.Sort(who)
		parts = append(parts, level+" ("+strings.Join(slices.Compact(who), ", ")+")")
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// pins says whether a demand on nodes ("node.labels.LABEL==LEVEL", "LABEL=LEVEL") names the level.
func pins(demand, label, level string) bool {
	key, value, ok := strings.Cut(strings.ReplaceAll(demand, " ", ""), "=")
	value = strings.TrimPrefix(value, "=")
	return ok && strings.TrimPrefix(key, "node.labels.") == label && value == level
}
