package builds

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// Pins say which image each name stood for when it was judged. A builder comes to a name minutes later.
type Pins map[string]string

// IsID says whether a reference can't come to mean another image.
func IsID(ref string) bool {
	const form = `^(sha256:[0-9a-f]{64}|[^\s@]+@sha256:[0-9a-f]{64})$`
	ok, err := regexp.MatchString(form, ref)
	return ok && err == nil
}

// Pin has the engine get a Dockerfile in which every image is named by its id, and every stage that begins with one carries a label: what
// is built under another label is another step, so that nobody gets a step of somebody else's out of the builder's cache. Key and value are
// plain words.
func (c *Context) Pin(pins Pins, key, value string) error {
	text, err := pinned(c.Dockerfile, pins, key, value)
	if err != nil {
		return err
	}
	// What the engine will read names nothing but ids.
	list, err := sources(text, key+"="+value)
	if err != nil {
		return err
	}
	for _, s := range list {
		if !s.Maybe && !IsID(s.Ref) {
			return refuse("%.100q in its Dockerfile can't be held to the image that it names now", s.Ref)
		}
	}
	c.instead = text
	return nil
}

// edit puts text in place of lines.
type edit struct {
	first, last int // counted from one
	text        string
}

func pinned(dockerfile []byte, pins Pins, key, value string) ([]byte, error) {
	result, err := parser.Parse(bytes.NewReader(dockerfile))
	if err != nil {
		return nil, refuse("its Dockerfile can't be read: %v", err)
	}
	stages, _, err := instructions.Parse(result.AST, nil)
	if err != nil {
		return nil, refuse("its Dockerfile can't be read: %v", err)
	}
	lines := strings.Split(strings.ReplaceAll(string(dockerfile), "\r\n", "\n"), "\n")
	var edits []edit
	names := map[string]bool{}
	for i := range stages {
		s := &stages[i]
		more, err := pinStage(s, lines, pins, names, "LABEL "+key+"="+value)
		if err != nil {
			return nil, err
		}
		edits = append(edits, more...)
		names[strings.ToLower(s.Name)] = s.Name != ""
	}
	return apply(lines, edits)
}

func pinStage(s *instructions.Stage, lines []string, pins Pins, names map[string]bool, label string) ([]edit, error) {
	base := strings.Trim(s.BaseName, `"'`)
	e, err := where(s.Location, lines)
	if err != nil {
		return nil, err
	}
	var edits []edit
	if !names[strings.ToLower(base)] { // another stage has its label
		id, ok := pins[base]
		if !ok && !strings.EqualFold(base, "scratch") {
			return nil, refuse("nobody said which image %.100q is", base)
		}
		if !ok {
			id = base
		}
		e.text = "FROM " + id
		if s.Name != "" {
			e.text += " AS " + s.Name
		}
		e.text += "\n" + label
		edits = append(edits, e)
	}
	for _, c := range s.Commands {
		copying, ok := c.(*instructions.CopyCommand)
		if !ok || copying.From == "" || pins[copying.From] == "" || names[strings.ToLower(copying.From)] {
			continue
		}
		e, err := where(copying.Location(), lines)
		if err != nil {
			return nil, err
		}
		old := "--from=" + copying.From
		text := strings.Join(lines[e.first-1:e.last], "\n")
		if strings.Count(text, old) != 1 || !followed(text, old) {
			return nil, refuse("its Dockerfile has COPY --from=%.100q in a form in which it can't be held to one image: write --from=NAME plainly", copying.From)
		}
		e.text = strings.Replace(text, old, "--from="+pins[copying.From], 1)
		edits = append(edits, e)
	}
	return edits, nil
}

// followed says whether a word ends where the text that was found does.
func followed(text, word string) bool {
	_, rest, _ := strings.Cut(text, word)
	return rest != "" && strings.ContainsAny(rest[:1], " \t\n")
}

func where(ranges []parser.Range, lines []string) (edit, error) {
	if len(ranges) == 0 {
		return edit{}, refuse("its Dockerfile can't be written again")
	}
	e := edit{first: ranges[0].Start.Line, last: ranges[len(ranges)-1].End.Line}
	if e.first < 1 || e.last < e.first || e.last > len(lines) {
		return edit{}, refuse("its Dockerfile can't be written again")
	}
	return e, nil
}

func apply(lines []string, edits []edit) ([]byte, error) {
	slices.SortFunc(edits, func(a, b edit) int { return a.first - b.first })
	var out []string
	next := 1
	for _, e := range edits {
		if e.first < next {
			return nil, refuse("its Dockerfile has two instructions on one line")
		}
		out = append(append(out, lines[next-1:e.first-1]...), e.text)
		next = e.last + 1
	}
	return []byte(strings.Join(append(out, lines[next-1:]...), "\n")), nil
}

// counted knows how much was read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// block is what archives are made of (POSIX ustar).
const block = 512

// over is the archive up to the end of its last entry, with one entry more: of entries with one name the last counts. It begins with an entry
// of the guard's that engines leave out: by what an archive begins with they tell whether it is packed, as it comes and once more after they have
// written its headers anew, and what is not packed here must not be there.
func (c *Context) over() (io.Reader, error) {
	plain, _, err := c.whole()
	if err != nil {
		return nil, err
	}
	in, err := unpacked(plain)
	if err != nil {
		return nil, err
	}
	var first, more bytes.Buffer
	w := tar.NewWriter(&first)
	err = w.WriteHeader(&tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": "bulkhead"}})
	if err = errors.Join(err, w.Flush()); err != nil {
		return nil, fmt.Errorf("write the context of a build: %w", err)
	}
	w = tar.NewWriter(&more)
	h := &tar.Header{Name: strings.TrimPrefix(c.at, "/"), Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(c.instead))}
	if err = w.WriteHeader(h); err == nil {
		_, err = w.Write(c.instead)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("write the Dockerfile of a build: %w", err)
	}
	return io.MultiReader(&first, io.LimitReader(in, c.end), &more), nil
}
