package report

import (
	"fmt"
	"io"
	"strings"
)

// Widths of a terminal report: narrower is treated as minWidth, and 0 as defaultWidth.
const (
	minWidth     = 40
	defaultWidth = 80
	maxWidth     = 120 // longer lines are hard to read
)

// style is the parameter of an SGR sequence, "" for plain.
type style string

const (
	plain  style = ""
	strong style = "1"
	faint  style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	purple style = "35"
	cyan   style = "36"
)

// printer writes lines that never exceed the width. The first error of the writer ends the output.
type printer struct {
	w     io.Writer
	width int
	color bool
	lang  string
	err   error
}

func newPrinter(w io.Writer, o TextOptions) *printer {
	width := o.Width
	if width <= 0 {
		width = defaultWidth
	}
	return &printer{w: w, width: min(max(width, minWidth), maxWidth), color: o.Color, lang: o.Lang}
}

func (p *printer) word(key string, args ...any) string { return word(p.lang, key, args...) }

func (p *printer) pick(en, zh string) string { return pick(p.lang, en, zh) }

func (p *printer) paint(st style, s string) string {
	if !p.color || st == plain || s == "" {
		return s
	}
	return "\x1b[" + string(st) + "m" + s + "\x1b[0m"
}

// line writes one line that is known to fit, or an empty one.
func (p *printer) line(s string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, strings.TrimRight(s, " "))
	}
}

// hang writes a text behind a prefix and wraps it so that its further lines stand under its first. The prefix is
// plain and short; both are cleaned here, so that callers can't forget it.
func (p *printer) hang(prefix string, ps style, text string, ts style) {
	prefix = clean(prefix)
	lead := textWidth(prefix)
	if lead > p.width/2 { // a very long id: it gets lines of its own
		p.hang("", plain, prefix, ps)
		prefix, lead = "    ", 4
	}
	for i, l := range wrap(clean(text), p.width-lead) {
		if i == 0 {
			p.line(p.paint(ps, prefix) + p.paint(ts, l))
			continue
		}
		p.line(strings.Repeat(" ", lead) + p.paint(ts, l))
	}
}

// block writes a text of several lines of ours behind a prefix; a line's own indentation is kept.
func (p *printer) block(prefix string, ps style, text string, ts style) {
	rest := strings.Repeat(" ", textWidth(prefix))
	for i, l := range cleanLines(text) {
		body := strings.TrimLeft(l, " ")
		indent := strings.Repeat(" ", min(len(l)-len(body), 8))
		if i == 0 {
			p.hang(prefix+indent, ps, body, ts)
			continue
		}
		p.hang(rest+indent, ps, body, ts)
	}
}

// heading writes a section's title after an empty line.
func (p *printer) heading(s string) {
	p.line("")
	p.hang("", plain, s, strong)
}

func styleOf(status string) style {
	switch status {
	case "met", "pass":
		return green
	case "not_met", "fail":
		return red
	case "partly_met", "warn":
		return yellow
	case "unknown":
		return purple
	}
	return faint
}
