package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// prompter asks a person.
type prompter interface {
	// Line asks for a line of text.
	Line(prompt string) (string, error)
	// Secret asks for a line without showing it.
	Secret(prompt string) (string, error)
}

// prompter is whoever sits at the terminal; false where nobody does.
func (a *App) prompter() (prompter, bool) {
	if a.remote.ask != nil {
		return a.remote.ask, true
	}
	f, ok := a.In.(*os.File)
	if !ok || !terminal(f) {
		return nil, false
	}
	return &tty{in: f, lines: bufio.NewReader(f), out: a.Err}, true
}

// asker is the terminal, or standard input line by line where a program drives the command.
func (a *App) asker() prompter {
	if p, ok := a.prompter(); ok {
		return p
	}
	p := lineReader{bufio.NewReader(a.In), a.Err}
	a.remote.ask = p
	return p
}

// tty asks on a terminal; the questions go to standard error, so that standard output stays clean.
type tty struct {
	in    *os.File
	lines *bufio.Reader
	out   io.Writer
}

func (t *tty) Line(prompt string) (string, error) {
	fmt.Fprint(t.out, prompt)
	return readLine(t.lines)
}

func (t *tty) Secret(prompt string) (string, error) {
	fmt.Fprint(t.out, prompt)
	b, err := term.ReadPassword(int(t.in.Fd()))
	fmt.Fprintln(t.out)
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	return string(b), nil
}

// lineReader reads answers from a pipe.
type lineReader struct {
	lines *bufio.Reader
	out   io.Writer
}

func (l lineReader) Line(prompt string) (string, error) {
	fmt.Fprintln(l.out, strings.TrimRight(prompt, " "))
	return readLine(l.lines)
}

func (l lineReader) Secret(prompt string) (string, error) { return l.Line(prompt) }

func readLine(r *bufio.Reader) (string, error) {
	s, err := r.ReadString('\n')
	if err != nil && (s == "" || !errors.Is(err, io.EOF)) {
		if errors.Is(err, io.EOF) {
			return "", errors.New("the input ended before the question was answered")
		}
		return "", fmt.Errorf("read the answer: %w", err)
	}
	return strings.TrimSpace(s), nil
}
