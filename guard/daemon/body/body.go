// Package body reads the JSON bodies of requests to the container engine strictly, into the engine's own types. What it accepts has one
// meaning: names are written as the engine's description writes them, none is there twice, none is unknown with a value, and nothing
// follows. The engine itself takes names in any case, the last of repeated ones, and ignores what it does not know, so that two readers of
// the same bytes can see two different containers. What the engine gets is written again from the value.
//
// It judges nothing.
package body

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// Largest is how many bytes a body may have, as in the engine's own decoder of configurations.
const Largest = 4 << 20

// Fault is why a body is not taken.
type Fault struct {
	// Status is of HTTP: 400, 413 or 415.
	Status int
	// Field is a JSON pointer (RFC 6901) to what is at fault; empty for the whole.
	Field string
	Why   string
}

// Error implements error.
func (f *Fault) Error() string {
	if f.Field == "" {
		return "body: " + f.Why
	}
	return f.Field + ": " + f.Why
}

// Check holds the headers of a request to what a JSON body needs, and says whether there is one. The engine would also take parameters from
// a form in the body.
func Check(h http.Header, length int64) (present bool, err error) {
	types := h.Values("Content-Type")
	if length == 0 && len(types) == 0 {
		return false, nil
	}
	if len(types) > 1 {
		return false, &Fault{Status: http.StatusBadRequest, Why: "it has more than one Content-Type"}
	}
	if len(h.Values("Content-Encoding")) > 0 {
		return false, &Fault{Status: http.StatusUnsupportedMediaType, Why: "it has a Content-Encoding, which the engine does not know"}
	}
	kind := ""
	if len(types) == 1 {
		var params map[string]string
		if kind, params, err = mime.ParseMediaType(types[0]); err != nil {
			return false, &Fault{Status: http.StatusUnsupportedMediaType, Why: "it has a Content-Type that can't be read"}
		}
		if c := params["charset"]; c != "" && !strings.EqualFold(c, "utf-8") {
			return false, &Fault{Status: http.StatusUnsupportedMediaType, Why: "it is not in UTF-8"}
		}
	}
	if length == 0 {
		return false, nil
	}
	if kind != "application/json" {
		return false, &Fault{Status: http.StatusUnsupportedMediaType, Why: "it is no application/json"}
	}
	return true, nil
}

// Read takes a whole body of at most Largest bytes.
func Read(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, Largest+1))
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	if len(b) > Largest {
		return nil, &Fault{Status: http.StatusRequestEntityTooLarge, Why: fmt.Sprintf("it has more than %d bytes", Largest)}
	}
	return b, nil
}

// mostIdle is how many members that say nothing are taken out of one body.
const mostIdle = 64

// Decode reads text into a value of the engine's types, which must be empty. Members that the type does not have are left out where they say
// nothing (null, false, 0, "", [], {}): old clients send some. A name that it has in other letters is no such one.
func Decode(text []byte, into any) error {
	for range mostIdle {
		err := unmarshal(text, into)
		pointer, unknown := unknownAt(err)
		if !unknown {
			return faultOf(text, err)
		}
		less, ok := without(text, pointer)
		if !ok || otherCase(text, into, pointer) {
			return faultOf(text, err)
		}
		text = less
		clear(into)
	}
	return &Fault{Status: http.StatusBadRequest, Why: fmt.Sprintf("it has more than %d fields that the engine does not know", mostIdle)}
}

func unmarshal(text []byte, into any, also ...jsonv2.Options) error {
	return jsonv2.Unmarshal(text, into, append(also, jsonv2.RejectUnknownMembers(true), jsonv1.FormatDurationAsNano(true))...)
}

// unknownAt gives which member an error says that the type does not have.
func unknownAt(err error) (jsontext.Pointer, bool) {
	var meaning *jsonv2.SemanticError
	if !errors.As(err, &meaning) || !errors.Is(err, jsonv2.ErrUnknownName) {
		return "", false
	}
	return meaning.JSONPointer, true
}

// otherCase says whether the member that a pointer names would be one of the type's, were it not for how its name is written: to the engine it is.
func otherCase(text []byte, into any, pointer jsontext.Pointer) bool {
	again := reflect.New(reflect.TypeOf(into).Elem()).Interface()
	at, unknown := unknownAt(unmarshal(text, again, jsonv2.MatchCaseInsensitiveNames(true)))
	return !unknown || at != pointer
}

// Encode writes a value as the engine's own client does.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		return nil, fmt.Errorf("write the body: %w", err)
	}
	return b.Bytes(), nil
}

func faultOf(text []byte, err error) error {
	if err == nil {
		return nil
	}
	f := &Fault{Status: http.StatusBadRequest, Why: "it is no JSON that can be read: " + err.Error()}
	var syntax *jsontext.SyntacticError
	var meaning *jsonv2.SemanticError
	switch {
	case errors.As(err, &syntax):
		f.Field = string(syntax.JSONPointer)
		f.Why = "it is not well formed at byte " + fmt.Sprint(syntax.ByteOffset)
		if errors.Is(err, jsontext.ErrDuplicateName) {
			f.Why = "it is there twice"
		} else if len(bytes.TrimSpace(text)) == 0 {
			f.Why = "it is empty"
		}
	case errors.As(err, &meaning):
		f.Field = string(meaning.JSONPointer)
		f.Why = "the engine takes no " + kind(meaning.JSONKind) + " here"
		if errors.Is(err, jsonv2.ErrUnknownName) {
			f.Why = "the engine has no such field; names are written as in its description, in upper and lower case"
		}
	}
	return f
}

func kind(k jsontext.Kind) string {
	switch k {
	case '[':
		return "list"
	case '{':
		return "object"
	case '0':
		return "such number"
	case '"':
		return "such text"
	}
	return "such value"
}
