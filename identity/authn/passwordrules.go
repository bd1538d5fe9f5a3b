package authn

import (
	"bufio"
	_ "embed" // the list of common passwords
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/bulkhead-security/bulkhead/model"
)

// Lengths of NIST SP 800-63B-4, section 3.1.1.2.
const (
	lengthAlone      = 15 // where the password is the only factor
	lengthWithFactor = 8
	mostBytes        = 1024
	leftOver         = 8 // characters that are neither a common word nor part of the account's or product's name
	mostBlocked      = 10_000_000
)

// common are words and strings that passwords are commonly made of, one per line, in the form that reduce gives.
//
//go:embed common.txt
var common string

// passwordRules are what a new password must keep. There are no rules of composition, on purpose.
type passwordRules struct {
	words   map[string]bool // common ones, reduced
	blocked map[string]bool // of the file, as they stand but lower case
}

func newPasswordRules(file string) (*passwordRules, error) {
	r := &passwordRules{words: map[string]bool{}, blocked: map[string]bool{}}
	for word := range strings.FieldsSeq(common) {
		r.words[reduce(word)] = true
	}
	if file == "" {
		return r, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading the password blocklist: %w", err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); ; {
		if !lines.Scan() {
			if err := lines.Err(); err != nil {
				return nil, fmt.Errorf("reading the password blocklist %s: %w", file, err)
			}
			return r, nil
		}
		if line := strings.ToLower(normalise(strings.TrimSpace(lines.Text()))); line != "" {
			r.blocked[line] = true
		}
		if len(r.blocked) > mostBlocked {
			return nil, errors.New("the password blocklist has more than 10 million lines")
		}
	}
}

// normalise makes the same characters the same bytes, however a keyboard composes them (NIST SP 800-63B-4, section 3.1.1.2).
func normalise(password string) string { return norm.NFKC.String(password) }

// check gives the password in the form that is hashed, or says which rule it breaks.
func (r *passwordRules) check(password string, withFactor bool, context ...string) (string, error) {
	invalid := func(message, remedy string) (string, error) {
		return "", &model.Error{Code: model.CodeInvalid, Field: "password", Message: message, Remedy: remedy}
	}
	if len(password) > mostBytes {
		return invalid("the password has more than 1024 bytes", "take a shorter one")
	}
	if !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl) {
		return invalid("the password has characters that can't be typed", "use printable characters; spaces are fine")
	}
	normal := normalise(password)
	if len(normal) > mostBytes {
		return invalid("the password has more than 1024 bytes", "take a shorter one")
	}
	n := utf8.RuneCountInString(normal)
	if !withFactor && n < lengthAlone {
		return invalid(fmt.Sprintf("the password has %d characters; without a second factor it needs %d", n, lengthAlone),
			"take a longer one, e.g. four or five unrelated words; once a second factor is registered, 8 are enough")
	}
	if n < lengthWithFactor {
		return invalid(fmt.Sprintf("the password has %d characters; it needs %d", n, lengthWithFactor), "take a longer one")
	}
	if r.isCommon(normal, context) {
		return invalid("the password is common, or made of a name that an attacker tries first",
			"take unrelated words, or let a password manager make one")
	}
	return normal, nil
}

func (r *passwordRules) isCommon(password string, context []string) bool {
	lower := strings.ToLower(password)
	if r.blocked[lower] {
		return true
	}
	plain := reduce(password)
	if r.words[plain] || monotonous(lower) {
		return true
	}
	if unit := period(plain); unit != plain && (r.words[unit] || len(unit) < leftOver) {
		return true
	}
	rest := plain
	for _, word := range append([]string{"bulkhead"}, context...) {
		if word = reduce(word); len(word) >= 3 {
			rest = strings.ReplaceAll(rest, word, "")
		}
	}
	return rest != plain && (utf8.RuneCountInString(rest) < leftOver || r.words[rest])
}

// reduce takes away what people put on a word to make it look like a password: capitals, digits and signs at both ends,
// letters written as digits or signs, and separators.
func reduce(s string) string {
	s = strings.ToLower(s)
	if core := strings.TrimFunc(s, func(r rune) bool { return !unicode.IsLetter(r) }); core != "" {
		s = core
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case '0':
			return 'o'
		case '1', '!', '|':
			return 'i'
		case '3':
			return 'e'
		case '4', '@':
			return 'a'
		case '5', '$':
			return 's'
		case '7':
			return 't'
		case ' ', '-', '_', '.', ',':
			return -1
		}
		return r
	}, s)
}

// period is the shortest string that s is a repetition of; the last one may be cut off.
func period(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if s[n:] == s[:len(s)-n] {
			return s[:n]
		}
	}
	return s
}

// rows are keys that stand side by side, and the alphabet.
const rows = "abcdefghijklmnopqrstuvwxyz 01234567890 qwertyuiop asdfghjkl zxcvbnm qwertzuiop yxcvbnm azertyuiop qsdfghjklm wxcvbn 1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik"

// monotonous says whether nearly all characters follow their neighbour on the keyboard or in the alphabet, or repeat it.
func monotonous(s string) bool {
	runes := []rune(s)
	var steps int
	for i := 1; i < len(runes); i++ {
		a, b := string(runes[i-1]), string(runes[i])
		if a == b || a != " " && b != " " && (strings.Contains(rows, a+b) || strings.Contains(rows, b+a)) {
			steps++
		}
	}
	return len(runes) > 1 && steps*10 >= (len(runes)-1)*8
}
