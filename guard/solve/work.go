package solve

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is put together of arguments, of one file for all its platforms.
const (
	mostWords      = 5_000
	mostWordText   = 4 << 20 // bytes of all of them
	mostVars       = 50_000  // that are set, and that stages have of others
	longestPattern = 64
	patternWork    = 16 << 10 // bytes that one pattern counts for, as it is looked for in a value of the longest
)

// work counts a word before it is put together. What has patterns in it can be far larger than what it is made of, and is known to be only
// when it is there: in a replacement for each letter there may be another. Patterns are plain text here.
func (r *reading) work(word string) error {
	if !utf8.ValidString(word) || strings.ContainsRune(word, 0) {
		return errText
	}
	n, err := patterns(word)
	if err != nil {
		return err
	}
	r.words++
	if r.put += n * patternWork; r.words > mostWords || r.put > mostWordText {
		return fmt.Errorf("%w: more than %d words or %d bytes", errWork, mostWords, mostWordText)
	}
	return nil
}

// patterns counts those of a word, wherever one could stand.
func patterns(word string) (n int, err error) {
	for {
		_, rest, more := strings.Cut(word, "${")
		if !more {
			return n, nil
		}
		word = rest
		rest = rest[name(rest):]
		if rest == "" || !strings.ContainsRune("/#%", rune(rest[0])) {
			continue
		}
		n++
		if inner := rest[1:closed(rest)]; len(inner) > longestPattern || strings.ContainsAny(inner, "$'\"") {
			return n, errPattern
		}
	}
}

// name is how long a variable's name is at the beginning of a text, as the builder reads one.
func name(text string) int {
	for i, c := range text {
		switch first := i == 0; {
		case first && strings.ContainsRune("@*#?-$!", c):
			return 1
		case first && unicode.IsDigit(c):
			return len(text) - len(strings.TrimLeftFunc(text, unicode.IsDigit))
		case !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '_':
			return i
		}
	}
	return len(text)
}

// closed is where the first brace is that may close what is open: the builder closes it there or, where that one counts as text, later.
func closed(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '}':
			return i
		}
	}
	return len(text)
}
