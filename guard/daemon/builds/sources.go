package builds

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// Source is an image that a build would take something from.
type Source struct {
	Ref string
	// Where it is named, e.g. "Dockerfile FROM".
	Where string
	// Maybe says that an older or newer builder could read it so: it counts where there is such an image, and else not.
	Maybe bool
}

// AtFrom is where an image is named that a stage begins with.
const AtFrom = "Dockerfile FROM"

const (
	mostStages  = 1000
	mostSources = 1000
	mostLabels  = 256 << 10 // of all LABEL together
)

// Sources are the images of a Dockerfile, for the classic builder. What needs BuildKit is refused: builders differ
// in what they take it for.
func Sources(dockerfile []byte) ([]Source, error) { return sources(dockerfile, "") }

// sources allows one label of the guard's, which is in what it wrote itself.
func sources(dockerfile []byte, label string) ([]Source, error) {
	if m := escapes().FindSubmatch(dockerfile); m != nil && string(m[1]) != `\` {
		return nil, refuse("its Dockerfile has the directive escape=%.20q, which builders of different versions find in different places", m[1])
	}
	result, err := parser.Parse(bytes.NewReader(dockerfile))
	if err != nil {
		return nil, refuse("its Dockerfile can't be read: %v", err)
	}
	if err := plain(result.AST); err != nil {
		return nil, err
	}
	stages, _, err := instructions.Parse(result.AST, nil)
	if err != nil {
		return nil, refuse("its Dockerfile can't be read: %v", err)
	}
	if len(stages) > mostStages {
		return nil, refuse("its Dockerfile has more than %d stages", mostStages)
	}
	r := &reading{names: map[string]bool{}, label: label}
	for i := range stages {
		if err := r.stage(&stages[i], i); err != nil {
			return nil, err
		}
	}
	r.written(dockerfile)
	if len(r.list) > mostSources {
		return nil, refuse("its Dockerfile names more than %d images", mostSources)
	}
	return r.list, nil
}

// escapes finds the directive that says which character joins lines: whether one counts depends on which other directives a builder knows.
func escapes() *regexp.Regexp {
	return regexp.MustCompile(`(?im)^[\s\x{feff}]*#\s*escape\s*=\s*([^\r\n]*?)\s*$`)
}

// plain refuses here-documents: to a builder that does not know them, their lines are instructions.
func plain(n *parser.Node) error {
	for _, c := range n.Children {
		if len(c.Heredocs) > 0 {
			return refuse("its Dockerfile has a here-document (line %d), which the classic builder does not know", c.StartLine)
		}
	}
	return nil
}

type reading struct {
	names map[string]bool // stages so far, in small letters
	count int
	list  []Source
	label string // key=value
	// labels is how long those are that were read.
	labels int
}

func (r *reading) stage(s *instructions.Stage, at int) error {
	switch {
	// Builders expand arguments in ways of their own.
	case strings.ContainsAny(s.BaseName, "$\\"):
		return refuse("its Dockerfile has FROM %.100q: name the image itself, without an argument", s.BaseName)
	case s.Platform != "":
		return refuse("its Dockerfile has FROM --platform, for which the engine may pull another image")
	}
	r.image(s.BaseName, AtFrom)
	for _, c := range s.Commands {
		if err := r.command(c, "Dockerfile"); err != nil {
			return err
		}
	}
	r.count = at + 1
	r.names[strings.ToLower(s.Name)] = s.Name != ""
	return nil
}

// command is one of a stage, or a trigger of an image.
func (r *reading) command(c instructions.Command, where string) error {
	switch c := c.(type) {
	case *instructions.CopyCommand:
		if c.From != "" {
			r.from(c.From, where+" COPY --from")
		}
	case *instructions.AddCommand:
		for _, source := range c.SourcePaths {
			if strings.Contains(source, "://") || strings.Contains(source, "@") || strings.Contains(source, "$") {
				return refuse("its %s has ADD %.100q, which the engine would fetch from within the host's network: fetch it into the context", where, source)
			}
		}
	case *instructions.LabelCommand:
		for _, l := range c.Labels {
			if r.labels += len(l.Key) + len(l.Value); r.labels > mostLabels {
				return refuse("its %s has LABEL of more than %d KiB together", where, mostLabels>>10)
			}
			if r.label != "" && l.Key+"="+l.Value == r.label {
				continue
			}
			if key := strings.NewReplacer(`"`, "", "'", "").Replace(l.Key); strings.Contains(key, "$") || strings.Contains(key, "\\") || strings.HasPrefix(strings.ToLower(key), call.LabelPrefix) {
				return refuse("its %s has LABEL %.100q: labels that begin with %s are the guard's, and keys are written as they are", where, l.Key, call.LabelPrefix)
			}
		}
	case *instructions.RunCommand:
		if len(instructions.GetMounts(c)) > 0 || strings.Contains(strings.Join(c.FlagsUsed, " "), "mount") {
			return refuse("its %s has RUN --mount, which the classic builder does not know", where)
		}
	case *instructions.OnbuildCommand:
		return r.trigger(c.Expression, where+" ONBUILD")
	}
	return nil
}

// trigger reads an instruction that is kept in an image as the builder will when the image is built upon.
func (r *reading) trigger(text, where string) error {
	result, err := parser.Parse(strings.NewReader(text))
	if err != nil || len(result.AST.Children) != 1 {
		return refuse("the trigger %.100q can't be read: %v", text, err)
	}
	if err := plain(result.AST); err != nil {
		return err
	}
	c, err := instructions.ParseCommand(result.AST.Children[0])
	if err != nil {
		return refuse("the trigger %.100q can't be read: %v", text, err)
	}
	return r.command(c, where)
}

// from is another stage, by number or name, or an image.
func (r *reading) from(name, where string) {
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < r.count {
		return
	}
	r.image(name, where)
}

func (r *reading) image(name, where string) {
	name = strings.Trim(name, `"'`)
	if strings.EqualFold(name, "scratch") || r.names[strings.ToLower(name)] {
		return
	}
	r.list = append(r.list, Source{Ref: name, Where: where})
}

// fromFlag finds what an instruction copies from.
func fromFlag() *regexp.Regexp { return regexp.MustCompile(`(?i)--from[=\s]+["']?([^\s"',\\]+)`) }

// written finds what looks like a source to anybody who reads lines: builders of other versions may take them for instructions.
func (r *reading) written(dockerfile []byte) {
	from := regexp.MustCompile(`(?im)^\s*(?:onbuild\s+)?from\s+(?:--\S+\s+)*["']?([^\s"'\\]+)`)
	for _, re := range []*regexp.Regexp{from, fromFlag()} {
		for _, m := range re.FindAllSubmatch(dockerfile, mostSources) {
			ref := string(m[1])
			if _, err := strconv.Atoi(ref); err != nil && !strings.Contains(ref, "$") {
				r.list = append(r.list, Source{Ref: ref, Where: "Dockerfile", Maybe: true})
			}
		}
	}
}

// OnBuild are the images that the triggers of an image take something from.
func OnBuild(triggers []string) ([]Source, error) {
	r := &reading{names: map[string]bool{}}
	for _, t := range triggers {
		if err := r.trigger(t, "ONBUILD of an image"); err != nil {
			return nil, err
		}
	}
	return r.list, nil
}
