package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/bulkhead-security/bulkhead/model"
)

// MaxAssessmentBytes bounds an assessment that is read back.
const MaxAssessmentBytes = 64 << 20

// JSON writes the assessment in its contract's form, bulkhead.assessment/v1: indented, the same bytes for the same
// assessment, lists that are empty as [] and never null.
func JSON(w io.Writer, a *model.Assessment) error {
	full := filled(a)
	return WriteJSON(w, &full)
}

// WriteJSON writes a value as indented JSON in which invisible characters are escaped.
func WriteJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	if _, err := w.Write(escapeInvisible(b.Bytes())); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// escapeInvisible writes as \u escapes what a terminal could take for a command or what turns text around. In valid
// JSON such characters stand in strings only, where the escape means the same.
func escapeInvisible(b []byte) []byte {
	s := string(b)
	var out strings.Builder
	out.Grow(len(s))
	for _, r := range s {
		switch {
		case r == '\n' || visible(r):
			out.WriteRune(r)
		case r > 0xFFFF:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return []byte(out.String())
}

// filled copies what has to change so that no list is null. The caller's assessment stays as it is.
func filled(a *model.Assessment) model.Assessment {
	full := *a
	if full.Schema == "" {
		full.Schema = model.AssessmentSchema
	}
	full.Gaps = notNull(a.Gaps)
	full.Requirements = slices.Clone(notNull(a.Requirements))
	for i := range full.Requirements {
		r := &full.Requirements[i]
		r.Checks = slices.Clone(notNull(r.Checks))
		for j := range r.Checks {
			r.Checks[j].References = notNull(r.Checks[j].References)
			r.Checks[j].Evidence = notNull(r.Checks[j].Evidence)
		}
	}
	return full
}

func notNull[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// ReadAssessment reads what JSON wrote. Input that is no assessment, is cut short, has unknown fields, unknown statuses
// or another version is refused with an error that says which.
func ReadAssessment(r io.Reader) (*model.Assessment, error) {
	limited := &io.LimitedReader{R: r, N: MaxAssessmentBytes + 1}
	dec := json.NewDecoder(limited)
	dec.DisallowUnknownFields()
	var a model.Assessment
	err := dec.Decode(&a)
	if limited.N <= 0 {
		return nil, fmt.Errorf("the assessment is larger than %d MiB", MaxAssessmentBytes>>20)
	}
	// A newer schema is the likelier cause of an unknown field than a corrupt file.
	if a.Schema != "" && a.Schema != model.AssessmentSchema {
		return nil, schemaError(a.Schema)
	}
	var syntax *json.SyntaxError
	switch {
	case err == nil:
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return nil, fmt.Errorf("the assessment is cut short or empty: %w", err)
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("not an assessment: no valid JSON at byte %d: %w", syntax.Offset, err)
	default:
		return nil, fmt.Errorf("not an assessment of version %s: %w", model.AssessmentSchema, err)
	}
	if a.Schema == "" {
		return nil, schemaError(a.Schema)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the assessment is followed by more data; a file holds exactly one")
	}
	if err := checkStates(&a); err != nil {
		return nil, err
	}
	return &a, nil
}

func schemaError(got string) error {
	name, _, _ := strings.Cut(model.AssessmentSchema, "/")
	if gotName, version, _ := strings.Cut(got, "/"); gotName == name {
		return fmt.Errorf("the assessment has version %q, this program reads %s; use the version of bulkhead that wrote it",
			version, model.AssessmentSchema)
	}
	if got == "" {
		return fmt.Errorf("not an assessment: there is no \"schema\" field; expected %q", model.AssessmentSchema)
	}
	return fmt.Errorf("this is a %q, expected %q", got, model.AssessmentSchema)
}

// checkStates refuses states that this version does not know: taking them for any other would be a guess.
func checkStates(a *model.Assessment) error {
	for _, r := range a.Requirements {
		if !slices.Contains(statuses, r.Status) {
			return fmt.Errorf("requirement %q has the unknown status %q", r.ID, r.Status)
		}
		for _, c := range r.Checks {
			if !slices.Contains(checkStatuses, c.Status) {
				return fmt.Errorf("check %q has the unknown status %q", c.ID, c.Status)
			}
		}
	}
	return nil
}
