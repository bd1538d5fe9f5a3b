package builds

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Source is an image that a build would take something from.
type Source struct {
	Ref string
	// Where it is named, e.g. "Dockerfile FROM".
	Where string
	// Maybe says that an older or newer builder could read it so: it counts where there is such an image, and else not.
	Maybe bool
}

const (
	mostStages  = 1000
	mostSources = 1000
)

// Sources are the images of a Dockerfile, for the classic builder with these build arguments. What needs BuildKit is refused: builders differ
// in what they take it for.
func Sources(dockerfile []byte, args map[string]*string) ([]Source, error) {
	result, err := parser.Parse(bytes.NewReader(dockerfile))
	if err != nil {
		return nil, refuse("its Dockerfile can't be read: %v", err)
	}
	if err := plain(result.AST); err != nil {
		return nil, err
	}
	stages, meta, err := instructions.Parse(result.AST, nil)
	if err != nil {
		return nil, refuse("its Dockerfile can't be read: %v", err)
	}
	if len(stages) > mostStages {
		return nil, refuse("its Dockerfile has more than %d stages", mostStages)
	}
	r := &reading{lex: shell.NewLex(result.EscapeToken), names: map[string]bool{}}
	if err := r.arguments(meta, args); err != nil {
		return nil, err
	}
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
	lex   *shell.Lex
	env   []string
	names map[string]bool // stages so far, in small letters
	count int
	list  []Source
}

// arguments are those before the first FROM, as it sees them.
func (r *reading) arguments(meta []instructions.ArgCommand, given map[string]*string) error {
	for _, m := range meta {
		for _, a := range m.Args {
			value := a.Value
			if v, ok := given[a.Key]; ok {
				value = v
			}
			if value == nil {
				continue
			}
			text, _, err := r.lex.ProcessWord(*value, shell.EnvsFromSlice(r.env))
			if err != nil {
				return refuse("the argument %s of its Dockerfile can't be read: %v", a.Key, err)
			}
			r.env = append(r.env, a.Key+"="+text)
		}
	}
	return nil
}

func (r *reading) stage(s *instructions.Stage, at int) error {
	base, _, err := r.lex.ProcessWord(s.BaseName, shell.EnvsFromSlice(r.env))
	if err != nil {
		return refuse("what FROM %.100q begins with can't be read: %v", s.BaseName, err)
	}
	if strings.TrimSpace(base) == "" {
		return refuse("what FROM %.100q begins with is nothing", s.BaseName)
	}
	r.image(base, "Dockerfile FROM")
	for _, c := range s.Commands {
		switch c := c.(type) {
		case *instructions.CopyCommand:
			if c.From != "" {
				r.from(c.From, "Dockerfile COPY --from")
			}
		case *instructions.OnbuildCommand:
			for _, m := range fromFlag().FindAllStringSubmatch(c.Expression, -1) {
				r.from(m[1], "Dockerfile ONBUILD")
			}
		case *instructions.RunCommand:
			if strings.Contains(strings.ToLower(c.String()), "--mount") && len(instructions.GetMounts(c)) > 0 {
				return refuse("its Dockerfile has RUN --mount, which the classic builder does not know")
			}
		}
	}
	r.count = at + 1
	r.names[strings.ToLower(s.Name)] = s.Name != ""
	return nil
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
func OnBuild(triggers []string) []Source {
	r := &reading{names: map[string]bool{}}
	for _, t := range triggers {
		for _, m := range fromFlag().FindAllStringSubmatch(t, mostSources) {
			r.from(m[1], "ONBUILD of an image")
		}
	}
	return r.list
}
