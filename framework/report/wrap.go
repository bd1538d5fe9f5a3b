package report

import (
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
	"github.com/rivo/uniseg"
)

// Wrap breaks a text of one line into lines of at most width columns, for texts of the product that are no report.
func Wrap(s string, width int) []string { return wrap(clean(s), width) }

// wrap breaks a text of one line into lines of at most width columns: at spaces, and in Chinese where the rules of the
// script allow it (UAX #14); what fits on no line is cut between characters. The result has at least
// one line. The text must be clean.
func wrap(s string, width int) []string {
	width = max(width, 2) // a wide character needs two
	cond := columns()
	var lines []string
	line, used := "", 0
	flush := func() {
		lines = append(lines, strings.TrimRight(line, " "))
		line, used = "", 0
	}
	for state := -1; len(s) > 0; {
		var seg string
		seg, s, state = nextWord(cond, s, state)
		if used > 0 && used+cond.StringWidth(strings.TrimRight(seg, " ")) > width {
			flush()
		}
		for cond.StringWidth(strings.TrimRight(seg, " ")) > width-used {
			var head string
			head, seg = cut(cond, seg, width-used)
			line += head
			flush()
		}
		line += seg
		used = cond.StringWidth(line)
	}
	if line != "" || len(lines) == 0 {
		flush()
	}
	return lines
}

// nextWord splits off what stays together on a line: up to a space or the edge of a wide script. A path or a command is
// never broken at its slashes and dashes, since it could not be copied then.
func nextWord(cond *runewidth.Condition, s string, state int) (string, string, int) {
	rest := s
	for {
		_, rest, _, state = uniseg.FirstLineSegmentInString(rest, state)
		head := s[:len(s)-len(rest)]
		last, _ := utf8.DecodeLastRuneInString(head)
		next, _ := utf8.DecodeRuneInString(rest)
		if rest == "" || last == ' ' || cond.RuneWidth(last) == 2 || cond.RuneWidth(next) == 2 {
			return head, rest, state
		}
	}
}

// cut splits off as many whole characters as fit in width columns, but at least one.
func cut(cond *runewidth.Condition, s string, width int) (head, rest string) {
	n, w, state := 0, 0, -1
	for rest = s; len(rest) > 0; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		cw := cond.StringWidth(cluster)
		if n > 0 && w+cw > width {
			break
		}
		n, w = n+len(cluster), w+cw
	}
	return s[:n], s[n:]
}

// columns measures text the same on every machine, whatever its locale: ambiguous characters take one column.
func columns() *runewidth.Condition {
	return &runewidth.Condition{StrictEmojiNeutral: true}
}

func textWidth(s string) int { return columns().StringWidth(s) }

// pad fills a text up to width columns.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-textWidth(s)))
}
