package solve

import (
	"fmt"
	"path"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// untold stands for what can't be told in a mount: it is a number, a switch and a name, and no type of mount.
const untold = "0"

// mounts are what a program is given beside its image's files: those of images and stages, and secrets.
func (d *file) mounts(c *instructions.RunCommand, env vars) error {
	list := instructions.GetMounts(c)
	for _, m := range list { // as it is written: a name of a source has no variables
		d.from(m.From, fileName+" RUN --mount")
	}
	if len(list) == 0 {
		return nil
	}
	var missing string
	err := c.Expand(func(word string) (string, error) {
		text, not, err := d.expanded(word, env)
		if not != "" {
			missing, text = not, untold
		}
		return text, err
	})
	list = instructions.GetMounts(c)
	switch again := c.Expand(nil); { // for other platforms
	case err != nil && missing != "":
		return fmt.Errorf("RUN --mount: the base image may say what %.50q is: give it a value by ENV or ARG before: %w", missing, short(err))
	case err != nil:
		return fmt.Errorf("%w: RUN --mount: %w", errNoDockerfile, short(err))
	case again != nil:
		return fmt.Errorf("%w: RUN --mount: %w", errNoDockerfile, short(again))
	}
	for _, m := range list {
		if missing != "" && m.CacheID == untold {
			m.CacheID = "?"
		}
		d.secret(m)
	}
	return nil
}

// secret notes a secret, or an agent of SSH, by the name that the builder asks for it by.
func (d *file) secret(m *instructions.Mount) {
	id := m.CacheID
	switch m.Type {
	case instructions.MountTypeSecret:
		if m.Source != "" {
			id = m.Source
		}
		if id == "" {
			id = path.Base(m.Target)
		}
	case instructions.MountTypeSSH:
		if id == "" {
			id = "default"
		}
	default:
		return
	}
	d.add(&d.s.Secrets, string(m.Type)+":"+id)
}
