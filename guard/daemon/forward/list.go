package forward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of a list that is read element by element. Its length has none: others' labels are in it.
const (
	mostElements = 1_000_000
	longestText  = 64 << 10
)

// List asks the engine for a list of the guard's own account, and has each read every element as it comes. Of an answer that is another
// than 200 there are none.
func (e *Engine) List(ctx context.Context, target string, each func(*jsontext.Decoder) error) (status int, err error) {
	res, err := e.Send(ctx, &Call{Method: http.MethodGet, Target: target, Header: http.Header{"Accept": {"application/json"}}})
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return res.StatusCode, nil
	}
	if err := Elements(res.Body, each); err != nil {
		return 0, fmt.Errorf("the engine's answer to %s: %w", target, err)
	}
	return res.StatusCode, nil
}

// Elements has each read every element of a list: one value of the decoder. Texts in it are cut after 64 KiB.
func Elements(from io.Reader, each func(*jsontext.Decoder) error) error {
	d := jsontext.NewDecoder(&shortened{from: from}, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	begin, err := d.ReadToken()
	if err != nil {
		return whole(err)
	}
	switch begin.Kind() {
	case 'n':
		return nil
	case '[':
	default:
		return errors.New("it is no list")
	}
	for n := 0; d.PeekKind() != ']'; n++ {
		if n >= mostElements {
			return fmt.Errorf("it has more than %d elements", mostElements)
		}
		if err := each(d); err != nil {
			return whole(err)
		}
	}
	_, err = d.ReadToken()
	return whole(err)
}

// whole words the error of a text that ends before its time.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// shortened is JSON without the ends of long texts, so that a decoder, which holds one text at a time, holds little.
type shortened struct {
	from   io.Reader
	text   bool // in a text
	escape int  // bytes of an escape that follow; none is torn
	second bool // the next one says which escape it is
	length int  // of the text so far
	cut    bool
}

// Read implements io.Reader.
func (s *shortened) Read(p []byte) (int, error) {
	for {
		n, err := s.from.Read(p)
		kept := p[:0]
		for _, b := range p[:n] {
			if s.keeps(b) {
				kept = append(kept, b)
			}
		}
		if len(kept) > 0 || err != nil || len(p) == 0 {
			return len(kept), err //nolint:wrapcheck // a reader
		}
	}
}

func (s *shortened) keeps(b byte) bool {
	s.length++
	switch {
	case !s.text:
		s.text, s.length, s.cut = b == '"', 0, false
		return true
	case s.second:
		if s.second = false; b == 'u' {
			s.escape = len("0000")
		}
	case s.escape > 0:
		s.escape--
	case b == '"':
		s.text = false
		return true
	default:
		s.second, s.cut = b == '\\', s.length > longestText
	}
	return !s.cut
}
