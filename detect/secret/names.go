package secret

import (
	"slices"
	"strings"
)

// secretWords make a name suspect wherever they stand in it.
var secretWords = map[string]string{
	"PASSWORD": "password", "PASSWD": "password", "PASSPHRASE": "password", "REQUIREPASS": "password",
	"MASTERAUTH": "password", "SECRET": "secret", "TOKEN": "token", "CREDENTIAL": "credentials",
	"CREDENTIALS": "credentials", "CREDS": "credentials", "APIKEY": "api-key",
}

// lastWords make a name suspect at its end only: PWD alone is a directory, PASS in the middle says little.
var lastWords = map[string]string{"PASS": "password", "PWD": "password", "PW": "password"}

// secretEnds make a name suspect when it ends so, separators left out: API_KEY, apiKey, MYSQLPASSWORD.
var secretEnds = []struct{ end, kind string }{
	{"PASSWORD", "password"},
	{"PASSWD", "password"},
	{"PASSPHRASE", "password"},
	{"APIKEY", "api-key"},
	{"SECRETKEY", "secret-key"},
	{"ACCESSKEY", "secret-key"},
	{"PRIVATEKEY", "private-key"},
	{"AUTHKEY", "secret-key"},
	{"ENCRYPTIONKEY", "secret-key"},
	{"SIGNINGKEY", "secret-key"},
	{"MASTERKEY", "secret-key"},
	{"ACCOUNTKEY", "secret-key"},
	{"SESSIONKEY", "secret-key"},
	{"SECRET", "secret"},
	{"TOKEN", "token"},
}

// harmless words at the end of a name say that the value is about a secret and not one.
var harmless = []string{
	"ALGORITHM", "ALLOWED", "AUDIENCE", "CHARSET", "CLASS", "COUNT", "DIR", "DIRECTORY", "DRIVER", "ENABLED", "ENDPOINT",
	"ENGINE", "EXPIRATION", "EXPIRES", "EXPIRY", "FIELD", "FILE", "FILES", "FORMAT", "HEADER", "HELPER", "HOST", "ID",
	"INTERVAL", "ISSUER", "LEN", "LENGTH", "LIFETIME", "LIMIT", "LOCATION", "MAX", "METHOD", "MIN", "MODE", "NAME",
	"NAMES", "NAMESPACE", "PATH", "POLICY", "PORT", "PREFIX", "PROVIDER", "REF", "REGION", "REQUIRED", "ROTATION", "SIZE",
	"STDIN", "STORE", "TIMEOUT", "TTL", "TYPE", "URI", "URL", "USER", "USERNAME", "VALIDITY", "VERSION",
}

// hints are parts of which every suspect name has at least one; most names have none and are done with.
var hints = []string{"PASS", "PWD", "SECRET", "TOKEN", "KEY", "CRED", "AUTH", "PW"}

// nameKind returns the kind of secret that the name of a variable, option or label announces, or "".
func nameKind(name string) string {
	if len(name) > 256 {
		name = name[len(name)-256:]
	}
	upper := strings.ToUpper(name)
	if !slices.ContainsFunc(hints, func(h string) bool { return strings.Contains(upper, h) }) {
		return ""
	}
	words := nameWords(name)
	if len(words) == 0 {
		return ""
	}
	last := words[len(words)-1]
	if slices.Contains(harmless, last) {
		return ""
	}
	// The longest ends come first, so that DB_SECRET_KEY is a key and no mere secret.
	joined := strings.Join(words, "")
	if strings.HasSuffix(joined, "PUBLICKEY") {
		return ""
	}
	for _, e := range secretEnds {
		if strings.HasSuffix(joined, e.end) {
			return e.kind
		}
	}
	for _, w := range words {
		if kind := secretWords[w]; kind != "" {
			return kind
		}
	}
	if upper == "_AUTH" || upper == "AUTH" {
		return "registry-auth"
	}
	if joined == "PWD" || joined == "OLDPWD" {
		return ""
	}
	return lastWords[last]
}

// nameWords cuts a name at separators and at changes to upper case, and drops numbers: dbPassword_2 is DB PASSWORD.
func nameWords(name string) []string {
	var words []string
	start := -1
	flush := func(end int) {
		if start >= 0 && strings.Trim(name[start:end], "0123456789") != "" {
			words = append(words, strings.ToUpper(name[start:end]))
		}
		start = -1
	}
	for i := range len(name) {
		c := name[i]
		if !isAlnum(c) {
			flush(i)
			continue
		}
		if start >= 0 && isUpper(c) && !isUpper(name[i-1]) {
			flush(i)
		}
		if start < 0 {
			start = i
		}
	}
	flush(len(name))
	return words
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

func isAlnum(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || isUpper(c) }

// notValues are values that stand for no secret.
var notValues = []string{
	"0", "1", "true", "false", "yes", "no", "on", "off", "enabled", "disabled", "enable", "disable", "none", "null",
	"nil", "undefined", "unset", "redacted", "required", "optional", "prompt",
}

// references begin values that say where the secret is.
var references = []string{
	"${", "{{", "<", "%{", "$(", "/run/", "/var/", "/etc/", "/opt/", "/home/", "/usr/", "/mnt/", "/secrets/", "/root/",
	"/app/", "/srv/", "/vault/", "/tmp/", "./", "../", "~/", "vault:", "op://", "arn:aws:", "ref+", "secret://",
	"file:", "env:", "id=", "source=", "type=", "valueFrom", "[secret", "[redacted", "[REDACTED",
}

// plausible says whether the value of a suspect name can be a secret: no switch, reference or placeholder.
func plausible(kind, value string) bool {
	v := strings.TrimSpace(value)
	low := strings.ToLower(v)
	if v == "" || slices.Contains(notValues, low) {
		return false
	}
	for _, p := range references {
		if strings.HasPrefix(v, p) {
			return false
		}
	}
	if strings.Trim(low, "x*.-#") == "" || variable(v) || strings.HasPrefix(low, "your-") || strings.HasPrefix(low, "your_") {
		return false
	}
	if kind == "password" {
		return true
	}
	if kind == "registry-auth" {
		return isBasic(v)
	}
	return len(v) >= 3 && (len(v) >= 8 || strings.Trim(v, "0123456789") != "")
}

// variable says whether the value is nothing but $NAME or %NAME%.
func variable(v string) bool {
	name, ok := strings.CutPrefix(v, "$")
	if !ok && len(v) > 2 && v[0] == '%' && v[len(v)-1] == '%' {
		name, ok = v[1:len(v)-1], true
	}
	if !ok || name == "" || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	return strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == ""
}
