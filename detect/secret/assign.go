package secret

import "strings"

// maxName bounds how far to the left of a sign a name is looked for.
const maxName = 96

// find finds secrets in a text by their look, and by the names of what they are assigned to. whole says that the text
// is one argument or value, in which an unquoted secret runs to the end.
func find(s string, whole bool) []span {
	if len(s) < 4 {
		return nil
	}
	out := append(findForms(s), findURLs(s)...)
	out = append(out, findHeaders(s)...)
	for i := 0; i < len(s); i++ {
		if s[i] != '=' && s[i] != ':' {
			continue
		}
		kind, nameAt := nameBefore(s, i)
		if kind == "" {
			continue
		}
		start, end, quoted := valueAfter(s, i, nameAt, whole)
		if start >= end || !plausible(kind, s[start:end]) || s[i] == ':' && !quoted && !assigned(s, i, start, end) {
			continue
		}
		out = append(out, span{start, end, kind, false})
		i = end - 1
	}
	return out
}

// nameBefore returns the kind that the name left of the sign at i announces, and where the name begins.
func nameBefore(s string, i int) (kind string, at int) {
	end := i
	for end > 0 && (s[end-1] == ' ' || s[end-1] == '"' || s[end-1] == '\'' || s[end-1] == '\\') {
		end--
	}
	at = end
	for at > 0 && end-at < maxName && isName(s[at-1]) {
		at--
	}
	return nameKind(s[at:end]), at
}

func isName(c byte) bool { return isAlnum(c) || c == '_' || c == '-' || c == '.' }

// valueAfter returns the bounds of the value right of the sign at i.
func valueAfter(s string, i, nameAt int, whole bool) (start, end int, quoted bool) {
	start = i + 1
	spaced := s[i] == ':' || s[i-1] == ' ' || s[i-1] == '"'
	for spaced && start < len(s) && (s[start] == ' ' || s[start] == '\t') {
		start++
	}
	open := start
	for open < len(s) && s[open] == '\\' {
		open++
	}
	if open < len(s) && (s[open] == '"' || s[open] == '\'') {
		mark := s[start : open+1] // \" closes what \" opened
		body := open + 1
		if n := closing(s[body:], mark); n >= 0 {
			return body, body + n, true
		}
		start = body
	}
	if whole && s[i] == '=' && strings.Trim(s[:nameAt], "-") == "" {
		return start, len(s), false
	}
	if strings.HasSuffix(s[:nameAt], "ENV ") || strings.HasSuffix(s[:nameAt], "ARG ") {
		return start, start + endOfStep(s[start:]), false
	}
	return start, start + endOfWord(s[start:]), false
}

// closing finds the mark that closes a quotation. Within plain quotes a backslash takes the next character along.
func closing(s, mark string) int {
	if len(mark) > 1 {
		return strings.Index(s, mark)
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case mark[0]:
			return i
		}
	}
	return -1
}

// endOfWord ends a value at white space or a quote, and at a separator that another assignment or nothing follows: a
// password may hold separators, too.
func endOfWord(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ' ', '\t', '\n', '\r', '"', '\'', '`':
			return i
		case ';', '&', ',', '|', ')', '}', ']', '\\':
			rest := strings.TrimLeft(s[i:], ";&,|)}]\\")
			if rest == "" || isSpace(rest[0]) || isQuote(rest[0]) || opensName(rest, s[i] == ';') {
				return i
			}
			i = len(s) - len(rest) - 1
		}
	}
	return len(s)
}

// endOfStep ends the value of a build step ENV or ARG, which is written without quotes and may hold spaces: it goes on
// to the next assignment or the end of the line.
func endOfStep(s string) int {
	for i := range len(s) {
		if s[i] == '\n' || s[i] == ' ' && opensName(s[i+1:], false) {
			return i
		}
	}
	return len(s)
}

// opensName says whether the text begins with NAME= or "name":. In a connection string a name may hold spaces.
func opensName(s string, spaces bool) bool {
	s = strings.TrimLeft(s, "\"'")
	n := 0
	for n < len(s) && n < maxName && (isName(s[n]) || spaces && s[n] == ' ') {
		n++
	}
	if n == 0 || n == len(s) {
		return false
	}
	return s[n] == '=' || s[n] == ':' || s[n] == '"' && n+1 < len(s) && s[n+1] == ':'
}

// assigned says whether an unquoted value after a colon is one: "password: hunter2" is, "token: expired" in prose is
// told by its look.
func assigned(s string, colon, start, end int) bool {
	v := s[start:end]
	if start == colon+1 {
		return false // a:b is a pair, a reference or a time
	}
	mixed := strings.ContainsAny(v, "0123456789!@#$%^&*+/_") || strings.ToLower(v) != v && strings.ToUpper(v) != v
	lineStart := strings.LastIndexByte(s[:colon], '\n') + 1
	alone := end == len(s) || s[end] == '\n'
	return mixed || len(v) >= 20 || alone && !strings.Contains(strings.TrimSpace(s[lineStart:colon]), " ")
}
