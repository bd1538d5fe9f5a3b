package answers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// value is the text of one JSON value.
type value = jsontext.Value

// lenient are the options for the engine's own text, which stays as it is.
func lenient() []jsontext.Options {
	return []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
}

func decoder(r io.Reader) *jsontext.Decoder { return jsontext.NewDecoder(r, lenient()...) }

func read(text value, into any) error {
	if err := jsonv2.Unmarshal(text, into, lenient()...); err != nil {
		return fmt.Errorf("the engine's answer: %w", err)
	}
	return nil
}

// first splits a text into its value, and the white space that follows.
func first(text []byte) (one value, rest []byte, err error) {
	d := decoder(bytes.NewReader(text))
	if one, err = d.ReadValue(); err != nil {
		return nil, nil, ended(err)
	}
	one = bytes.Clone(one)
	rest = text[d.InputOffset():]
	if !blank(rest) {
		return nil, nil, errors.New("the engine's answer: something follows it")
	}
	return one, rest, nil
}

// blank says whether there is nothing but what JSON calls white space (RFC 8259 2).
func blank(text []byte) bool { return len(bytes.Trim(text, " \t\r\n")) == 0 }

// ended words an error of reading.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("the engine's answer: %w", err)
}

// edit changes members of an object. Change gives the value that a member is to have, nil for none. What it does not change stays, byte for
// byte; something else than an object does, too.
func edit(text value, change func(name string, v value) (value, error)) (value, error) {
	if text.Kind() != '{' {
		return text, nil
	}
	d := decoder(bytes.NewReader(text))
	if _, err := d.ReadToken(); err != nil {
		return nil, ended(err)
	}
	out := []byte{'{'}
	changed := false
	for d.PeekKind() != '}' {
		name, err := d.ReadValue()
		if err != nil {
			return nil, ended(err)
		}
		name = bytes.Clone(name)
		v, err := d.ReadValue()
		if err != nil {
			return nil, ended(err)
		}
		v = bytes.Clone(v)
		plain, err := jsontext.AppendUnquote(nil, name)
		if err != nil && len(plain) == 0 {
			return nil, ended(err)
		}
		now, err := change(string(plain), v)
		if err != nil {
			return nil, err
		}
		changed = changed || !bytes.Equal(now, v)
		if now == nil {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, name...), ':'), now...)
	}
	if !changed {
		return text, nil
	}
	return append(out, '}'), nil
}

// elements are those of an array; none of something else.
func elements(text value) ([]value, error) {
	if text.Kind() != '[' {
		return nil, nil
	}
	d := decoder(bytes.NewReader(text))
	if _, err := d.ReadToken(); err != nil {
		return nil, ended(err)
	}
	var out []value
	for d.PeekKind() != ']' {
		v, err := d.ReadValue()
		if err != nil {
			return nil, ended(err)
		}
		out = append(out, bytes.Clone(v))
	}
	return out, nil
}

// array writes an array.
func array(list []value) value {
	return append(append(value{'['}, bytes.Join(plain(list), []byte{','})...), ']')
}

func plain(list []value) [][]byte {
	out := make([][]byte, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

func number(n int64) value { return strconv.AppendInt(nil, n, 10) }

// limited is a reader of at most so many bytes until it is told to go on.
type limited struct {
	from io.Reader
	left int
}

var errLarge = fmt.Errorf("an element of the engine's answer has more than %d bytes", mostElement)

// Read implements io.Reader.
func (l *limited) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLarge
	}
	if len(b) > l.left {
		b = b[:l.left]
	}
	n, err := l.from.Read(b)
	l.left -= n
	return n, err //nolint:wrapcheck // a reader
}
