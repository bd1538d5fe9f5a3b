// Package secret finds secrets in what a container was configured with: environment variables, arguments, labels,
// build steps and small files. It tells the place and the kind of each and replaces the secret itself by Redacted.
//
// It is pure: it reads nothing, and it never returns, logs or keeps a secret. What leaves it is redacted text and a
// digest under a key of the caller. It may import model and the standard library only.
package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// Redacted stands where a secret was.
const Redacted = "[secret]"

// Detector finds secrets. It has no state that changes and may be used by many goroutines at once.
type Detector struct {
	key []byte
}

// New returns a detector whose digests are made under the key. Make the key anew for each snapshot: digests then tell
// that two secrets of one snapshot are equal, and nothing else.
func New(key []byte) *Detector {
	return &Detector{key: append([]byte(nil), key...)}
}

// Env looks at variables written NAME=value and returns their names, in order, and what was found ("env:NAME").
func (d *Detector) Env(env []string) (names []string, found []model.SecretSighting) {
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		names = append(names, name)
		_, f := d.named("env:"+name, name, value)
		found = append(found, f...)
	}
	return names, found
}

// Args looks at the arguments of a program, the program itself included where it is known. Sightings have the place
// with the argument's index: "arg:2".
func (d *Detector) Args(place string, args []string) (redacted []string, found []model.SecretSighting) {
	if args == nil {
		return nil, nil
	}
	fields := make([]field, len(args))
	for i, a := range args {
		fields[i] = field{text: a, index: i}
	}
	byArg := map[int][]span{}
	for _, o := range options(fields) {
		byArg[o.index] = append(byArg[o.index], o.span)
	}
	redacted = make([]string, len(args))
	for i, a := range args {
		spans := append(find(a, true), byArg[i]...)
		var f []model.SecretSighting
		redacted[i], f = d.replace(place+":"+strconv.Itoa(i), a, spans)
		found = append(found, f...)
	}
	return redacted, found
}

// Text looks at free text: a build step, a command line, a configuration file.
func (d *Detector) Text(place, s string) (redacted string, found []model.SecretSighting) {
	spans := find(s, false)
	for _, o := range options(split(s)) {
		spans = append(spans, o.span)
	}
	return d.replace(place, s, spans)
}

// Map looks at labels, annotations or options. Sightings have the place with the key: "label:token".
func (d *Detector) Map(place string, m map[string]string) (redacted map[string]string, found []model.SecretSighting) {
	if m == nil {
		return nil, nil
	}
	redacted = make(map[string]string, len(m))
	for _, k := range sortedKeys(m) {
		v, f := d.named(place+":"+k, k, m[k])
		redacted[k] = v
		found = append(found, f...)
	}
	return redacted, found
}

// named judges a value by its name, then by its form.
func (d *Detector) named(place, name, value string) (string, []model.SecretSighting) {
	spans := find(value, true)
	if kind := nameKind(name); kind != "" && plausible(kind, value) {
		spans = append(spans, span{0, len(value), kind, false})
	}
	return d.replace(place, value, spans)
}

func (d *Detector) replace(place, s string, spans []span) (string, []model.SecretSighting) {
	if len(spans) == 0 {
		return s, nil
	}
	var b strings.Builder
	var found []model.SecretSighting
	last := 0
	for _, p := range merge(spans) {
		b.WriteString(s[last:p.start])
		b.WriteString(Redacted)
		last = p.end
		found = append(found, model.SecretSighting{Place: place, Kind: p.kind, Digest: d.digest(s[p.start:p.end])})
	}
	b.WriteString(s[last:])
	return b.String(), found
}

func (d *Detector) digest(value string) string {
	h := hmac.New(sha256.New, d.key)
	h.Write([]byte(value))
	return hex.EncodeToString(h.Sum(nil)[:8])
}
