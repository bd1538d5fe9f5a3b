package secret

import (
	"maps"
	"slices"
	"strings"
)

// span is a secret's place in a text. A span whose form is well known names its kind better than its variable does.
type span struct {
	start, end int
	kind       string
	form       bool
}

// merge sorts spans and joins those that overlap.
func merge(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int {
		if a.start != b.start {
			return a.start - b.start
		}
		return b.end - a.end
	})
	out := spans[:0:0]
	for _, s := range spans {
		if s.end <= s.start {
			continue
		}
		if n := len(out) - 1; n >= 0 && s.start < out[n].end {
			out[n].end = max(out[n].end, s.end)
			if s.form && !out[n].form {
				out[n].kind, out[n].form = s.kind, true
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// field is one word of a command line. Its span in the text that index names starts at offset.
type field struct {
	text          string
	index, offset int
}

// split cuts a text into words at white space. A word that opens with a quote goes on to the quote that closes it.
func split(s string) []field {
	if !strings.Contains(s, "-") { // without an option there is nothing to find
		return nil
	}
	var out []field
	for i := 0; i < len(s); {
		if isSpace(s[i]) {
			i++
			continue
		}
		end := i
		if q := s[i]; q == '"' || q == '\'' {
			if n := strings.IndexByte(s[i+1:], q); n >= 0 && !strings.HasPrefix(s[i+1:], "-") && len(out) > 0 &&
				strings.HasPrefix(out[len(out)-1].text, "-") {
				end = i + 1 + n
				out = append(out, field{text: s[i+1 : end], offset: i + 1})
				i = end + 1
				continue
			}
		}
		for end < len(s) && !isSpace(s[end]) {
			end++
		}
		start, stop := i, end
		for start < stop && isQuote(s[start]) {
			start++
		}
		for stop > start && (isQuote(s[stop-1]) || s[stop-1] == ',' || s[stop-1] == ']') {
			stop--
		}
		out = append(out, field{text: s[start:stop], offset: start})
		i = end
	}
	return out
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '[' || c == '\\' || c == '`' }

func sortedKeys(m map[string]string) []string {
	return slices.Sorted(maps.Keys(m))
}
