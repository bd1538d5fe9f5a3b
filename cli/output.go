package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/bulkhead-security/bulkhead/framework/report"
)

// defaultWidth is used where standard output is not a terminal and COLUMNS is not set.
const defaultWidth = 100

func terminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// width is how many columns a report may take.
func (a *App) width() int {
	if n, err := strconv.Atoi(a.environ("COLUMNS")); err == nil && n >= 40 && n <= 400 {
		return n
	}
	if f, ok := isTerminal(a.Out); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w >= 40 {
			return min(w, 160)
		}
	}
	return defaultWidth
}

// color says whether the report may be coloured.
func (a *App) color() bool {
	if a.noColor || a.environ("NO_COLOR") != "" || a.environ("TERM") == "dumb" {
		return false
	}
	_, ok := isTerminal(a.Out)
	return ok
}

// printJSON writes a value as indented JSON.
func (a *App) printJSON(v any) error { return report.WriteJSON(a.Out, v) }

// toFile writes a file as a whole or not at all, readable by its owner only: the content goes to a temporary file
// beside it, which then takes its place. A device or pipe is written to directly.
func toFile(path string, write func(io.Writer) error) (err error) {
	if fi, err := os.Stat(path); err == nil && !fi.Mode().IsRegular() {
		if fi.IsDir() {
			return fmt.Errorf("write %s: it is a directory; name a file in it", path)
		}
		return toDevice(path, write)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), ignoreMissing(os.Remove(tmp.Name())))
		}
	}()
	buf := bufio.NewWriter(tmp)
	if err := errors.Join(write(buf), buf.Flush(), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

func toDevice(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// working shows on a terminal, after a second, that the server works on something and for how long; elsewhere it shows nothing.
// It is quiet while a person is asked something. stop clears the line.
func (a *App) working(what string, asking func() bool) (stop func()) {
	f, ok := isTerminal(a.Err)
	if !ok {
		return func() {}
	}
	return tick(f, what, time.Second, asking)
}

func tick(w io.Writer, what string, every time.Duration, quiet func() bool) (stop func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(every)
		defer t.Stop()
		shown := false
		for start := time.Now(); ; {
			select {
			case <-over:
				if shown {
					fmt.Fprint(w, "\r\x1b[K")
				}
				return
			case <-t.C:
				if !quiet() {
					shown = true
					fmt.Fprintf(w, "\r\x1b[K%s (%d s)", what, int(time.Since(start).Seconds()))
				}
			}
		}
	}()
	return func() {
		close(over)
		<-ended
	}
}

// progress shows on a terminal, after a second, what is being read; elsewhere it shows nothing. stop clears the line.
func (a *App) progress() (show Progress, stop func()) {
	f, ok := isTerminal(a.Err)
	if !ok {
		return nil, func() {}
	}
	var mu sync.Mutex
	start, shown := time.Now(), false
	show = func(name string, _ time.Duration, done, all int) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(start) < time.Second {
			return
		}
		shown = true
		fmt.Fprintf(f, "\r\x1b[Kcollecting %d/%d (%s)", done, all, name)
	}
	stop = func() {
		mu.Lock()
		defer mu.Unlock()
		if shown {
			fmt.Fprint(f, "\r\x1b[K")
		}
	}
	return show, stop
}
