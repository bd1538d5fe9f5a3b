package solve

import (
	"io/fs"
	"path"
	"strings"

	"github.com/moby/buildkit/solver/pb"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// Where a Dockerfile is unless a build says otherwise.
const (
	fileLocal = "dockerfile"
	fileName  = "Dockerfile"
)

const (
	buildArg     = "build-arg:"
	namedContext = "context:"
	syntaxArg    = "BUILDKIT_SYNTAX"
)

// SyntaxImage is the image that a syntax line, or BUILDKIT_SYNTAX, has run in place of the builder's own program; what stands behind it is what
// that is told.
func SyntaxImage(line string) string {
	ref, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	return ref
}

// file notes how the build's own file is found and read, and where it is that this can't be seen.
func (r *reading) file(attrs map[string]string, inputs map[string]*pb.Definition) {
	f := &call.BuildFile{Local: fileLocal, Name: fileName, Args: map[string]string{}, Platforms: split(attrs["platform"]), Target: attrs["target"]}
	local, named := attrs["dockerfilekey"]
	if named {
		f.Local = local
	}
	if name, has := attrs["filename"]; has {
		f.Name = name
	}
	for _, key := range sorted(attrs) {
		if name, is := strings.CutPrefix(key, buildArg); is {
			f.Args[name] = attrs[key]
		}
		if name, is := strings.CutPrefix(key, namedContext); is {
			f.Contexts = append(f.Contexts, name)
		}
	}
	if !Plain(f.Name) {
		r.unknown("FrontendAttrs/filename", "%.100q can be another file behind a link: name it without . and ..", f.Name)
	}
	f.Pull = attrs["image-resolve-mode"] != "local" // buildx says that for the engine's own builder; left alone, it may ask the registry first
	_, f.Own = attrs[commandLine]
	f.Foreign = r.s.Frontend != dockerfile || !f.Own && attrs[buildArg+syntaxArg] != ""
	r.s.File = f
	if f.Foreign || named {
		return // the one reads what it likes, the other from the session in any case
	}
	if fetched(attrs["context"]) {
		r.unknown("FrontendAttrs/context", "the Dockerfile is where the guard does not see it: send it with the build")
	}
	if _, has := inputs[f.Local]; has {
		r.unknown("FrontendInputs/"+f.Local, "the Dockerfile would be made by a step of a build, and there is none to see before: send it with the build")
	}
}

// fetched says whether a context is an address that the engine calls.
func fetched(value string) bool {
	kind, _, _ := strings.Cut(value, ":")
	switch kind {
	case "", "local", "target", "input", "docker-image", "oci-layout":
		return false
	}
	return strings.ContainsAny(value, ":@/") || strings.HasPrefix(value, "git")
}

// Plain says whether a path is that of the same file whatever is a link on its way: the builder follows links before "..".
func Plain(name string) bool {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "./"), "/")
	return name != "." && fs.ValidPath(name)
}

// Paths are where the builder looks for a build's file in what comes of a session: it takes the one in small letters where there is no other.
func Paths(f *call.BuildFile) []string {
	at := strings.TrimPrefix(path.Clean("/"+f.Name), "/")
	if dir, base := path.Split(at); base == fileName {
		return []string{at, dir + strings.ToLower(fileName)}
	}
	return []string{at}
}
