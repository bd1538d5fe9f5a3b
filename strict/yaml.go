// Package strict reads configuration that people write: unknown fields are errors, and text that the YAML library falls over is
// an error too. It is pure, and any room may use it.
package strict

import (
	"fmt"

	"github.com/goccy/go-yaml"
)

// YAML reads text into a value. The library's own errors come back as they are: they have line and column.
func YAML(text []byte, into any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// goccy/go-yaml 1.19 panics on a tagged null where a list belongs, for one.
			err = fmt.Errorf("it can't be read as YAML: %v", p)
		}
	}()
	return yaml.UnmarshalWithOptions(text, into, yaml.Strict())
}
