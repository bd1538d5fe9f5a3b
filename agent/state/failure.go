package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// failureFile says why the run before this one failed.
const failureFile = "failure"

// SaveFailure keeps for the next run why this one failed; an empty text takes it away.
func (d *Dir) SaveFailure(text string) error {
	if text != "" {
		return d.write(failureFile, []byte(text))
	}
	if err := os.Remove(d.Path(failureFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget the failure: %w", err)
	}
	return nil
}

// Failure is why the run before this one failed; "" where it did not.
func (d *Dir) Failure() (string, error) {
	b, err := d.read(failureFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(b), err
}
