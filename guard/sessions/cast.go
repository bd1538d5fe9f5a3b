package sessions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Header is the first line of an asciicast v2.
type Header struct {
	Version   int               `json:"version"`
	Width     int               `json:"width"`
	Height    int               `json:"height"`
	Timestamp int64             `json:"timestamp,omitempty"`
	Duration  float64           `json:"duration,omitempty"`
	Command   string            `json:"command,omitempty"`
	Title     string            `json:"title,omitempty"`
	Env       map[string]string `json:"env,omitempty"`
	// Bulkhead says whose session it is; other programs pass over it.
	Bulkhead *Entry `json:"bulkhead,omitempty"`
}

// Event is a line of an asciicast.
type Event struct {
	At   time.Duration
	Code string // "o" output, "i" input, "r" resize, "m" marker
	Data string
}

// Codes of events.
const (
	Output = "o"
	Input  = "i"
	Resize = "r"
	Marker = "m"
)

// line is the event as it stands in a recording.
func (e Event) line() []byte {
	b := append([]byte{'['}, strconv.FormatFloat(e.At.Seconds(), 'f', 6, 64)...)
	b = append(append(append(b, ", "...), text(e.Code)...), ", "...)
	return append(append(b, text(e.Data)...), "]\n"...)
}

// text is a JSON string in which nothing is escaped that need not be.
func text(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string in memory can always be written
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// parseEvent reads a line.
func parseEvent(line []byte) (Event, error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(line, &parts); err != nil || len(parts) != 3 {
		return Event{}, fmt.Errorf("%.60q is no event of an asciicast", line)
	}
	var e Event
	var at float64
	for i, into := range []any{&at, &e.Code, &e.Data} {
		if err := json.Unmarshal(parts[i], into); err != nil {
			return Event{}, fmt.Errorf("%.60q is no event of an asciicast", line)
		}
	}
	if math.IsNaN(at) || at < 0 || at > (365*24*time.Hour).Seconds() {
		return Event{}, fmt.Errorf("%.60q has no time of an asciicast", line)
	}
	e.At = time.Duration(at * float64(time.Second))
	return e, nil
}

// whole cuts a stream of bytes at the borders of characters: what is left of one waits for its rest.
type whole struct {
	rest [utf8.UTFMax]byte
	n    int
}

// take gives what is whole of the rest and p.
func (w *whole) take(p []byte) string {
	b := append(w.rest[:w.n:w.n], p...)
	end := len(b)
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-i:]) {
				end = len(b) - i
			}
			break
		}
	}
	w.n = copy(w.rest[:], b[end:])
	return string(b[:end])
}

// end gives what never became a character.
func (w *whole) end() string {
	s := string(w.rest[:w.n])
	w.n = 0
	return s
}

// lines does what a terminal would: without one a line ends in LF alone, and players would draw stairs.
func lines(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
