package solve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// scratch is no image.
const scratch = "scratch"

// Bounds of one Dockerfile.
const (
	MostDockerfile = 1 << 20 // bytes
	mostStages     = 1000
	mostPlatforms  = 20
	mostLabels     = 256 << 10
	longestWord    = 1 << 10 // that is put together of arguments: they may have each other in them twice and twice again
)

// Dockerfile says what a build's own file asks for, as the builder would read it that is told f. What is read by a program from an image is
// what that makes of it: its image is noted, and what is a Dockerfile's in the file.
//
// Triggers are those of images, by their names in the file: what they do is done by each stage that begins with one.
func Dockerfile(ctx context.Context, text []byte, f *call.BuildFile, triggers map[string][]string) (*call.Solve, error) {
	r := &reading{s: &call.Solve{Labels: map[string]string{}}, seen: map[noted]struct{}{}}
	if len(text) > MostDockerfile {
		r.fail(fileName, "it has more than %d bytes", MostDockerfile)
		return nil, r.err
	}
	foreign := f.Foreign
	if !f.Own && !f.Foreign {
		foreign = r.syntax(text)
	}
	r.s.Frontend = dockerfile
	switch why := r.dockerfile(ctx, text, f, triggers); {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("it takes too long to read: %w", ctx.Err())
	case foreign && errors.Is(why, errNoDockerfile): // its program may read more than the builder's own
		r.lines(strings.ReplaceAll(strings.ReplaceAll(string(text), "\r\n", "\n"), "\\\n", " "))
	case why != nil:
		r.unknown(fileName, "%v", why)
	}
	return r.s, r.err
}

// errNoDockerfile is of what the builder's own parser does not read.
var errNoDockerfile = errors.New("it can't be read")

// syntax notes the program that the file's first lines have run in place of the builder's own. Builders of other versions take more lines for
// first ones; what one could take for it is asked about, too.
func (r *reading) syntax(text []byte) (foreign bool) {
	ref, _, _, foreign := parser.DetectSyntax(text)
	if foreign {
		r.foreignFile(ref)
	}
	directive := regexp.MustCompile(`^\s*(?:#|//)\s*(?i:syntax)\s*=\s*(\S+)`)
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && !bytes.HasPrefix(line, []byte("//")) {
			break
		}
		if m := directive.FindSubmatch(line); m != nil {
			r.foreignFile(string(m[1]))
		}
	}
	return foreign
}

func (r *reading) foreignFile(ref string) {
	const at = fileName + " syntax"
	r.name(&r.s.FrontendImages, ref, at)
	r.image(ref, at)
}

// dockerfile notes what is in the file; why it can't is for who knows who reads it.
func (r *reading) dockerfile(ctx context.Context, text []byte, f *call.BuildFile, triggers map[string][]string) error {
	if m := escapes().FindSubmatch(text); m != nil && string(m[1]) != `\` {
		return fmt.Errorf("the directive escape=%.20q, which builders of different versions find in different places", m[1])
	}
	result, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%w: %w", errNoDockerfile, short(err))
	}
	stages, args, err := instructions.Parse(result.AST, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoDockerfile, short(err))
	}
	if len(stages) > mostStages || len(f.Platforms) > mostPlatforms {
		return fmt.Errorf("it has more than %d stages, or more than %d platforms", mostStages, mostPlatforms)
	}
	platforms := f.Platforms
	if len(platforms) == 0 {
		platforms = []string{""}
	}
	for _, p := range platforms {
		d := &file{
			reading: r, lex: shell.NewLex('\\'), f: f, global: platformArgs(p, f), names: map[string]staged{}, all: map[string]bool{},
			triggers: triggers, other: p != "" && !isOwn(p),
		}
		if err := d.platform(ctx, stages, args); err != nil {
			return err
		}
	}
	r.documents(result.AST)
	return nil
}

// short keeps an error of a parser to what is told and recorded.
func short(err error) error {
	const most = 300
	if text := err.Error(); len(text) > most {
		return fmt.Errorf("%s…", strings.ToValidUTF8(text[:most], ""))
	}
	return err
}

// escapes finds the directive that says which character joins lines: whether one counts depends on which other directives a builder knows.
func escapes() *regexp.Regexp {
	return regexp.MustCompile(`(?im)^[\s\x{feff}]*#\s*escape\s*=\s*([^\r\n]*?)\s*$`)
}

// file is one reading of a Dockerfile, for one platform.
type file struct {
	*reading
	lex    *shell.Lex
	f      *call.BuildFile
	global vars
	names  map[string]staged // of stages so far, in small letters
	all    map[string]bool   // of all stages
	// triggers of images, by name; other says that it is read for another platform than the host's.
	triggers map[string][]string
	other    bool
	labels   int // how long those are that were read
}

// staged is what a stage leaves to those that begin with it: what is known of its variables, and those that its triggers set then.
type staged struct{ env, later vars }

func (d *file) platform(ctx context.Context, stages []instructions.Stage, args []instructions.ArgCommand) error {
	for i := range args {
		if err := d.assigned(len(args[i].Args)); err != nil {
			return err
		}
		for _, a := range args[i].Args {
			d.argument(d.global, a, false)
		}
	}
	for i := range stages {
		d.all[strings.ToLower(stages[i].Name)] = stages[i].Name != ""
	}
	for i := range stages {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.stage(&stages[i]); err != nil {
			return err
		}
	}
	return nil
}

func (d *file) stage(s *instructions.Stage) error {
	base, err := d.word(s.BaseName, d.global)
	if err != nil {
		return fmt.Errorf("FROM %.100q: %w", s.BaseName, err)
	}
	before, is := d.names[strings.ToLower(base)]
	if !is {
		d.base(base)
		d.platformOf(s, base)
	}
	env, err := d.copied(before.env)
	if err == nil {
		err = d.assigned(len(before.later))
	}
	if err != nil {
		return err
	}
	maps.Copy(env, before.later)
	if !is {
		if err := d.builtUpon(base, env); err != nil {
			return err
		}
	}
	later := vars{}
	for _, c := range s.Commands {
		if t, is := c.(*instructions.OnbuildCommand); is {
			err = d.trigger(t.Expression, later)
		} else {
			err = d.command(c, env)
		}
		if err != nil {
			return err
		}
	}
	if s.Name != "" {
		if d.replaced(s.Name) { // what is in it the builder does not do
			env = vars{}
		}
		d.names[strings.ToLower(s.Name)] = staged{env, later}
	}
	return nil
}

// base is an image that a stage begins with.
func (d *file) base(ref string) {
	if ref == "" || ref == scratch {
		return
	}
	d.image(ref, fileName+" FROM")
	if !d.stands(ref) {
		d.reading.base(ref, fileName+" FROM")
	}
}

// stands says whether a name stands for something else in this build, that was judged with it. Older builders don't know of that, and take the
// image: whether it may be taken is asked all the same.
func (d *file) stands(name string) bool {
	for _, c := range d.f.Contexts {
		if c == name {
			return true
		}
	}
	return false
}

// replaced says whether a stage stands for something else in this build, for one platform at least.
func (d *file) replaced(stage string) bool {
	for _, c := range d.f.Contexts {
		name, _, _ := strings.Cut(c, "::")
		if strings.EqualFold(strings.TrimSuffix(name, ":latest"), stage) {
			return true
		}
	}
	return false
}
