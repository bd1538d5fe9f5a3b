package audit

import (
	"context"
	"fmt"

	"github.com/bulkhead-security/bulkhead/model"
)

// Encode is the entry that a record becomes, for a log that another process has open: see AppendEntry. The record has its id and time.
func Encode(r *model.Record) ([]byte, error) {
	if r.ID == "" || r.Time.IsZero() {
		return nil, fmt.Errorf("a record of another process has neither id nor time")
	}
	return encode(r)
}

// AppendEntry is Append of a record that another process encoded; with later it is Later.
func (l *Log) AppendEntry(ctx context.Context, entry []byte, later bool) error {
	ctx, cancel := context.WithTimeout(ctx, appendLimit)
	defer cancel()
	if len(entry) > maxEntry {
		return fmt.Errorf("the record of another process has %d bytes; at most %d", len(entry), maxEntry)
	}
	r, err := Decode(entry)
	if err != nil {
		return fmt.Errorf("the record of another process: %w", err)
	}
	p := &pending{record: *r, entry: entry}
	if later {
		return l.put(ctx, l.later, p)
	}
	return l.write(ctx, p)
}
