package images

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/bulkhead-security/bulkhead/guard/route"
)

// Bounds of what is read of an answer.
const (
	longestLine = 64 << 10
	mostSaid    = 1000
)

// said reads in the engine's answer what a call made. What programs of a build write is in the answer, too: only the engine's own fields
// count.
type said struct {
	action route.Action
	quiet  bool // a build whose answer has nothing but the id, and nothing that its programs write
	line   []byte
	long   bool // the line is longer than what is read
	pulled bool // the engine said that it has what was asked for
	failed bool // the engine said that it does not do it
	ids    []string
	names  []string
}

// Write takes a part of the answer.
func (s *said) Write(p []byte) (int, error) {
	n := len(p)
	for {
		at := bytes.IndexByte(p, '\n')
		if at < 0 {
			s.add(p)
			return n, nil
		}
		s.add(p[:at])
		s.end()
		p = p[at+1:]
	}
}

func (s *said) add(p []byte) {
	if s.long = s.long || len(s.line)+len(p) > longestLine; s.long {
		return
	}
	s.line = append(s.line, p...)
}

// end reads a line that is whole.
func (s *said) end() {
	line := bytes.TrimSpace(s.line)
	if !s.long && len(line) > 0 && len(s.ids)+len(s.names) < mostSaid {
		s.read(line)
	}
	s.line, s.long = s.line[:0], false
}

func (s *said) read(line []byte) {
	// Each field is compared as it is written: the engine's decoder would take others, the engine itself writes no others.
	var m map[string]json.RawMessage
	if json.Unmarshal(line, &m) != nil {
		return
	}
	s.failed = s.failed || m["error"] != nil || m["errorDetail"] != nil || m["message"] != nil
	switch s.action {
	case "ImageBuild", "BuildSolve":
		var aux map[string]json.RawMessage
		if json.Unmarshal(m["aux"], &aux) == nil {
			s.id(aux["ID"])
		}
		var text string
		if s.quiet && json.Unmarshal(m["stream"], &text) == nil && isID(strings.TrimSpace(text)) {
			s.ids = append(s.ids, strings.TrimSpace(text))
		}
	case "ContainerCommit":
		s.id(m["Id"])
	case "ImagePull":
		s.id(m["status"]) // of an import
		var status string
		if _, layer := m["id"]; !layer && json.Unmarshal(m["status"], &status) == nil {
			s.pulled = s.pulled || strings.HasPrefix(status, "Status: Downloaded newer image for ") || strings.HasPrefix(status, "Status: Image is up to date for ")
		}
	case "ImageLoad":
		var text string
		if json.Unmarshal(m["stream"], &text) != nil {
			return
		}
		text = strings.TrimSpace(text)
		if name, ok := strings.CutPrefix(text, "Loaded image: "); ok {
			s.names = append(s.names, name)
		} else if id, ok := strings.CutPrefix(text, "Loaded image ID: "); ok && isID(id) {
			s.ids = append(s.ids, id)
		}
	}
}

// ended says whether the engine is done with what has names: it may go on for a while where the caller is gone.
func (s *said) ended() bool {
	return s.pulled || s.failed || len(s.ids)+len(s.names) > 0
}

func (s *said) id(raw json.RawMessage) {
	var id string
	if json.Unmarshal(raw, &id) == nil && isID(id) {
		s.ids = append(s.ids, id)
	}
}

func isID(id string) bool {
	const form = `^sha256:[0-9a-f]{64}$`
	ok, err := regexp.MatchString(form, id)
	return ok && err == nil
}
