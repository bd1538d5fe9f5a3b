package sessions

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/ansi/parser"
)

// sequences takes text and control sequences apart. A sequence that never ends does not hide what comes after it.
type sequences struct {
	p   *ansi.Parser
	out strings.Builder
	in  int // bytes of the string that is being read
}

func newSequences(h ansi.Handler) sequences {
	p := ansi.NewParser()
	p.SetDataSize(1) // of strings nothing is used
	p.SetHandler(h)
	return sequences{p: p}
}

// Show gives what may be shown of a piece.
func (s *sequences) Show(data string) string {
	const mostString = 64 << 10
	s.out.Reset()
	for i := range len(data) {
		switch s.p.State() {
		case parser.OscStringState, parser.SosStringState, parser.PmStringState, parser.ApcStringState:
			if data[i] == '\n' {
				s.p.Reset()
			}
			s.in++
		case parser.DcsStringState:
			s.in++
		default:
			s.in = 0
		}
		if s.in > mostString {
			s.p.Reset()
		}
		s.p.Advance(data[i])
	}
	return s.out.String()
}

// Screen makes what a recording has on its screen harmless for the terminal that it is replayed on. What it lets through is a list: text,
// moving of the cursor, erasing, scrolling, colours and character sets. Titles, the clipboard, links, questions that the terminal answers
// as if it were typed, modes of mouse and keyboard, and whatever a terminal takes that is not known here, are left out.
type Screen struct{ sequences }

// NewScreen makes one.
func NewScreen() *Screen {
	s := &Screen{}
	s.sequences = newSequences(ansi.Handler{Print: s.print, Execute: s.execute, HandleCsi: s.csi, HandleEsc: s.esc})
	return s
}

// Restore puts a terminal back into the state that shells expect.
func (*Screen) Restore() string {
	return "\x1b[?1049l\x1b[?25h\x1b[?7h\x1b[?6l\x1b[r\x1b[4l\x1b[0m\x1b(B\x1b)0\x0f"
}

func (s *Screen) print(r rune) {
	if unicode.IsPrint(r) || unicode.In(r, unicode.Zs, unicode.Co) || r == '\u200d' {
		s.out.WriteRune(r)
	}
}

func (s *Screen) execute(b byte) {
	if strings.IndexByte("\b\t\n\v\f\r\x0e\x0f", b) >= 0 {
		s.out.WriteByte(b)
	}
}

// esc lets through: save and restore the cursor, index, next line, reverse index, and the choice of character sets.
func (s *Screen) esc(c ansi.Cmd) {
	switch in, final := c.Intermediate(), c.Final(); {
	case in == 0 && strings.IndexByte("78DEM", final) >= 0:
		s.out.WriteString("\x1b" + string(rune(final)))
	case (in == '(' || in == ')') && strings.IndexByte("0AB", final) >= 0:
		s.out.WriteString("\x1b" + string(rune(in)) + string(rune(final)))
	}
}

// modes of a terminal that only change what is seen: insert; origin, wrapping, blinking and showing the cursor, the other screen.
const (
	ansiModes    = " 4 "
	privateModes = " 6 7 12 25 47 1047 1048 1049 "
)

// mostParam is more than any screen has rows or columns.
const mostParam = 9999

func (s *Screen) csi(c ansi.Cmd, params ansi.Params) {
	if c.Intermediate() != 0 {
		return
	}
	final := c.Final()
	switch {
	case c.Prefix() == 0 && strings.IndexByte("@ABCDEFGHIJKLMPSTXZ`abdefmrsu", final) >= 0:
		if final == 's' || final == 'u' {
			params = nil // with parameters they mean other things
		}
		s.sequence("", params, final)
	case final == 'h' || final == 'l':
		allowed, prefix := ansiModes, ""
		if c.Prefix() == '?' {
			allowed, prefix = privateModes, "?"
		} else if c.Prefix() != 0 {
			return
		}
		params.ForEach(0, func(_, mode int, _ bool) {
			if strings.Contains(allowed, " "+strconv.Itoa(mode)+" ") {
				s.out.WriteString("\x1b[" + prefix + strconv.Itoa(mode) + string(rune(final)))
			}
		})
	}
}

// sequence writes what was understood, and not what stood there.
func (s *Screen) sequence(prefix string, params ansi.Params, final byte) {
	s.out.WriteString("\x1b[" + prefix)
	for i, p := range params {
		if v := p.Param(-1); v >= 0 {
			s.out.WriteString(strconv.Itoa(min(v, mostParam)))
		}
		if i < len(params)-1 {
			s.out.WriteByte(map[bool]byte{true: ':', false: ';'}[p.HasMore()])
		}
	}
	s.out.WriteByte(final)
}

// Plain gives the text of a recording without a terminal: lines and tabs, and nothing that moves anything.
type Plain struct{ sequences }

// NewPlain makes one.
func NewPlain() *Plain {
	t := &Plain{}
	t.sequences = newSequences(ansi.Handler{
		Print: func(r rune) {
			if unicode.IsPrint(r) {
				t.out.WriteRune(r)
			}
		},
		Execute: func(b byte) {
			if b == '\n' || b == '\t' {
				t.out.WriteByte(b)
			}
		},
	})
	return t
}

// Restore implements Shower.
func (*Plain) Restore() string { return "" }
