package secret

import (
	"path"
	"strings"
)

// optionSpan is a secret within the text that index names.
type optionSpan struct {
	index int
	span
}

// shortOptions are the one-letter options by which programs take passwords, by program; attached means -pSECRET.
var shortOptions = map[string]struct {
	flag     string
	attached bool
	apart    bool
	pair     bool // the value is user:password
	verb     string
}{
	"mysql": {flag: "-p", attached: true}, "mysqldump": {flag: "-p", attached: true}, "mysqladmin": {flag: "-p", attached: true},
	"mysqlimport": {flag: "-p", attached: true}, "mysqlcheck": {flag: "-p", attached: true},
	"mariadb": {flag: "-p", attached: true}, "mariadb-dump": {flag: "-p", attached: true},
	"mariadb-admin": {flag: "-p", attached: true}, "sshpass": {flag: "-p", attached: true, apart: true},
	"mongo": {flag: "-p", apart: true}, "mongosh": {flag: "-p", apart: true}, "mongodump": {flag: "-p", apart: true},
	"mongorestore": {flag: "-p", apart: true}, "redis-cli": {flag: "-a", apart: true},
	"docker": {flag: "-p", attached: true, apart: true, verb: "login"}, "podman": {flag: "-p", attached: true, apart: true, verb: "login"},
	"nerdctl": {flag: "-p", apart: true, verb: "login"}, "buildah": {flag: "-p", apart: true, verb: "login"},
	"skopeo": {flag: "-p", apart: true, verb: "login"}, "oras": {flag: "-p", apart: true, verb: "login"},
	"crane": {flag: "-p", apart: true, verb: "login"}, "helm": {flag: "-p", apart: true, verb: "login"},
	"sqlcmd": {flag: "-P", attached: true, apart: true}, "ldapsearch": {flag: "-w", apart: true}, "ldapmodify": {flag: "-w", apart: true},
	"ldapadd": {flag: "-w", apart: true}, "curl": {flag: "-u", attached: true, apart: true, pair: true},
}

// options finds secrets that follow an option as a word of their own (--password SECRET) or belong to a one-letter
// option of a known program.
func options(fields []field) (out []optionSpan) {
	program, verbSeen := "", false
	for i, f := range fields {
		if name := path.Base(f.text); shortOptions[name].flag != "" && !strings.HasPrefix(f.text, "-") {
			program, verbSeen = name, false
			continue
		}
		if f.text == ";" || f.text == "&&" || f.text == "||" || f.text == "|" {
			program = ""
			continue
		}
		o := shortOptions[program]
		verbSeen = verbSeen || o.verb != "" && f.text == o.verb
		next := field{}
		if i+1 < len(fields) && !strings.HasPrefix(fields[i+1].text, "-") {
			next = fields[i+1]
		}
		switch {
		case program != "" && (o.verb == "" || verbSeen) && strings.HasPrefix(f.text, o.flag):
			if f.text == o.flag && o.apart {
				out = appendOption(out, next, 0, o.pair)
			} else if f.text != o.flag && o.attached {
				out = appendOption(out, f, len(o.flag), o.pair)
			}
		case program == "curl" && f.text == "--user":
			out = appendOption(out, next, 0, true)
		case strings.HasPrefix(f.text, "-") && !strings.ContainsAny(f.text, "=: "):
			if kind := nameKind(strings.TrimLeft(f.text, "-")); kind != "" && plausible(kind, next.text) {
				out = append(out, optionSpan{next.index, span{next.offset, next.offset + len(next.text), kind, false}})
			}
		}
	}
	return out
}

// appendOption adds the field's text from the offset on; of a pair only what follows the colon.
func appendOption(out []optionSpan, f field, from int, pair bool) []optionSpan {
	value := f.text[from:]
	if pair {
		_, password, ok := strings.Cut(value, ":")
		if !ok {
			return out
		}
		value = password
	}
	if !plausible("password", value) {
		return out
	}
	end := f.offset + len(f.text)
	return append(out, optionSpan{f.index, span{end - len(value), end, "password", false}})
}
