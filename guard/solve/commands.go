package solve

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// command is one of a stage; env is what is known of its variables.
func (d *file) command(c instructions.Command, env vars) error {
	switch c := c.(type) {
	case *instructions.ArgCommand:
		if err := d.assigned(len(c.Args)); err != nil {
			return err
		}
		for _, a := range c.Args {
			d.argument(env, a, true)
		}
	case *instructions.EnvCommand:
		if err := d.assigned(len(c.Env)); err != nil {
			return err
		}
		set := vars{}
		for _, kv := range c.Env {
			d.assign(set, kv.Key, kv.Value, env, true)
		}
		for k, v := range set {
			env[k] = v
		}
	case *instructions.LabelCommand:
		for _, l := range c.Labels {
			if d.labels += len(l.Key) + len(l.Value); d.labels > mostLabels {
				d.fail(fileName+" LABEL", "labels have more than %d KiB together", mostLabels>>10)
			}
		}
	case *instructions.CopyCommand:
		if _, err := strconv.Atoi(c.From); err != nil { // a stage by its number, which there is for COPY alone
			d.from(c.From, fileName+" COPY --from")
		}
	case *instructions.AddCommand:
		for _, source := range c.SourcePaths {
			if err := d.added(source, env); err != nil {
				return err
			}
		}
	case *instructions.RunCommand:
		return d.mounts(c, env)
	}
	return nil
}

// from is another stage, or an image.
func (d *file) from(name, where string) {
	if name == "" || name == scratch || d.all[strings.ToLower(name)] {
		return
	}
	d.image(name, where)
}

// added is what ADD takes: from the context, or from an address that the engine calls.
func (d *file) added(source string, env vars) error {
	text, missing, err := d.expanded(source, env)
	switch {
	case err != nil:
		return fmt.Errorf("ADD %.100q: %w", source, err)
	case missing != "":
		return fmt.Errorf("ADD %.100q: the base image may say what %.50q is, and make an address of it: give it a value by ENV or ARG before, or use COPY", source, missing)
	case isAddress(text):
		d.fetch(text)
	}
	return nil
}

// isAddress is wider than what one version of the builder fetches.
func isAddress(text string) bool {
	user, _, scp := strings.Cut(text, ":")
	return strings.Contains(text, "://") || scp && strings.Contains(user, "@") || strings.HasPrefix(text, "github.com/")
}
