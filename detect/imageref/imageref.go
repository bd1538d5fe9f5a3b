// Package imageref reads image references: which registry, repository, tag and digest, and how discretely they name
// one version. It is pure and asks no registry.
package imageref

import (
	"regexp"
	"strings"

	"github.com/distribution/reference"

	"github.com/bulkhead-security/bulkhead/model"
)

// maxLength is more than any valid reference has; longer ones are not read.
const maxLength = 1024

var (
	hexID = regexp.MustCompile(`^(sha256:)?[0-9a-f]{12,64}$`)
	// version is two or more numbers joined by dots, as in 1.2, v1.2.3 or 1.2.3-alpine, at the start or after a word.
	version = regexp.MustCompile(`(^|[-_])[a-z]{0,8}[0-9]+(\.[0-9]+)+`)
	// stamp is a date or a build number: 20240131, 2024-01-31, build-1234567.
	stamp = regexp.MustCompile(`(^|[-_.])(20[0-9]{2}[-_.]?[01][0-9][-_.]?[0-3][0-9]|[0-9]{6,})`)
	// commit is an abbreviated or whole commit id, with a letter and a digit in it so that words and numbers don't count.
	commit = regexp.MustCompile(`^(.*[-_.])?(g|git-?|sha-?)?([0-9a-f]{7,40})$`)
)

// movingWords are parts of a tag that say that the tag is meant to move, whatever else stands beside them.
var movingWords = map[string]bool{
	"latest": true, "stable": true, "edge": true, "main": true, "master": true, "nightly": true, "dev": true,
	"devel": true, "develop": true, "snapshot": true, "canary": true, "next": true, "current": true, "rolling": true,
	"testing": true, "unstable": true,
}

// Parse reads a reference as it was given to an engine or orchestrator. A reference that is not valid keeps its text
// only and has no kind.
func Parse(ref string) model.ImageRef {
	out := model.ImageRef{Ref: ref}
	if ref == "" || len(ref) > maxLength {
		return out
	}
	if isImageID(ref) {
		out.Kind, out.ID = model.RefImageID, ref
		return out
	}
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return out
	}
	out.Registry, out.Name = reference.Domain(named), reference.Path(named)
	if t, ok := named.(reference.Tagged); ok {
		out.Tag = t.Tag()
	}
	if d, ok := named.(reference.Digested); ok {
		out.Digest = d.Digest().String()
	}
	switch {
	case out.Digest != "":
		out.Kind = model.RefDigest
	case DiscreteTag(out.Tag):
		out.Kind = model.RefVersionTag
	default:
		out.Kind = model.RefMovingTag
	}
	return out
}

// isImageID tells an image id or a truncated one from a name. Twelve hexadecimal digits without a colon could be a
// repository's name as well, but engines look for an id first.
func isImageID(ref string) bool {
	if !hexID.MatchString(ref) {
		return false
	}
	return strings.HasPrefix(ref, "sha256:") || strings.ContainsAny(ref, "0123456789")
}

// DiscreteTag is true for a tag that by custom names one version: 1.2.3, v1.2, 3.9-slim, a date, a commit. It is false
// for no tag, for latest, stable and the like, for a single number and for a word such as a distribution's name.
func DiscreteTag(tag string) bool {
	low := strings.ToLower(tag)
	if low == "" {
		return false
	}
	for _, word := range strings.FieldsFunc(low, func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
		if movingWords[word] {
			return false
		}
	}
	if version.MatchString(low) || stamp.MatchString(low) {
		return true
	}
	m := commit.FindStringSubmatch(low)
	return m != nil && strings.ContainsAny(m[3], "0123456789") && strings.ContainsAny(m[3], "abcdef")
}
