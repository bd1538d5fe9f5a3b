package sim

import "strings"

// scopeOf reads the scope that a signature is over: its third line.
func scopeOf(signature string) string {
	lines := strings.SplitN(signature, "\n", 4)
	if len(lines) < 3 {
		return ""
	}
	return lines[2]
}
