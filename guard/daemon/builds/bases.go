package builds

import (
	"bytes"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Bases are the images that the stages of a Dockerfile begin with, as far as they can be told, for a build that is not held to them: args
// are the caller's arguments. Labels of the guard are refused. What can't be read is for the engine to say.
func Bases(dockerfile []byte, args map[string]*string) ([]string, error) {
	result, err := parser.Parse(bytes.NewReader(dockerfile))
	if err != nil {
		return nil, nil //nolint:nilerr // the engine's parser is the same
	}
	stages, global, err := instructions.Parse(result.AST, nil)
	if err != nil {
		return nil, nil //nolint:nilerr // as above
	}
	if len(stages) > mostStages {
		return nil, refuse("its Dockerfile has more than %d stages", mostStages)
	}
	lex, env := shell.NewLex(result.EscapeToken), arguments(global, args, result.EscapeToken)
	r := &reading{names: map[string]bool{}}
	for i := range stages {
		s := &stages[i]
		name, _, err := lex.ProcessWord(s.BaseName, env)
		if err != nil {
			return nil, refuse("its Dockerfile has FROM %.100q, which can't be read: %v", s.BaseName, err)
		}
		r.image(name, AtFrom)
		for _, c := range s.Commands {
			if err := r.labelsOf(c, "Dockerfile"); err != nil {
				return nil, err
			}
		}
		r.names[strings.ToLower(s.Name)] = s.Name != ""
	}
	list := make([]string, len(r.list))
	for i := range r.list {
		list[i] = r.list[i].Ref
	}
	return list, nil
}

// arguments are those that stand before the first stage, with what the caller says in place of what the file does.
func arguments(global []instructions.ArgCommand, args map[string]*string, escape rune) shell.EnvGetter {
	lex := shell.NewLex(escape)
	var list []string
	for _, c := range global {
		for _, a := range c.Args {
			if value := args[a.Key]; value != nil {
				list = append(list, a.Key+"="+*value)
			} else if a.Value != nil {
				if word, _, err := lex.ProcessWord(*a.Value, shell.EnvsFromSlice(list)); err == nil {
					list = append(list, a.Key+"="+word)
				}
			}
		}
	}
	return shell.EnvsFromSlice(list)
}

// labelsOf refuses labels of the guard that an instruction sets, now or when the image is built upon.
func (r *reading) labelsOf(c instructions.Command, where string) error {
	switch c := c.(type) {
	case *instructions.LabelCommand:
		return r.command(c, where)
	case *instructions.OnbuildCommand:
		return r.triggerLabels(c.Expression, where+" ONBUILD")
	}
	return nil
}

func (r *reading) triggerLabels(text, where string) error {
	result, err := parser.Parse(strings.NewReader(text))
	if err != nil || len(result.AST.Children) != 1 {
		return nil //nolint:nilerr // it can't be built upon
	}
	c, err := instructions.ParseCommand(result.AST.Children[0])
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	return r.labelsOf(c, where)
}

// TriggerLabels refuses a trigger of an image that sets labels of the guard.
func TriggerLabels(trigger string) error {
	return (&reading{}).triggerLabels(trigger, "ONBUILD of an image")
}
