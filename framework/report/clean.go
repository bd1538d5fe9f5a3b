package report

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes a text from outside harmless on a terminal and honest on a page: everything that is not a visible
// character (control characters and with them escape sequences, bidirectional overrides, zero-width characters,
// invalid UTF-8) is replaced by its escaped form. Line ends become visible too; a tab becomes a space.
func clean(s string) string {
	if isClean(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:])
		case r == '\t':
			b.WriteByte(' ')
		case visible(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
		i += n
	}
	return b.String()
}

// cleanLines is clean for our own texts of several lines, whose line ends are kept.
func cleanLines(s string) []string {
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), "\n "), "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return lines
}

func isClean(s string) bool {
	for i, r := range s {
		if !visible(r) || r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			return false
		}
	}
	return true
}

// visible says whether the rune shows itself. Fillers of Hangul and the braille blank count as letters and symbols in
// Unicode but show nothing.
func visible(r rune) bool {
	switch r {
	case '\u115F', '\u1160', '\u3164', '\uFFA0', '\u2800', '\u034F':
		return false
	}
	return unicode.IsGraphic(r)
}
