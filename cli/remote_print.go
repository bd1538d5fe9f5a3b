package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// printProto writes a message of the API as JSON with the names of the .proto files; fields that are empty are there.
func (a *App) printProto(m proto.Message) error {
	b, err := protoJSON(m)
	if err != nil {
		return err
	}
	return a.printJSON(b)
}

// printProtos writes several as one document.
func (a *App) printProtos(of map[string]proto.Message) error {
	out := make(map[string]json.RawMessage, len(of))
	for name, m := range of {
		b, err := protoJSON(m)
		if err != nil {
			return err
		}
		out[name] = b
	}
	return a.printJSON(out)
}

func protoJSON(m proto.Message) (json.RawMessage, error) {
	b, err := protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write the answer: %w", err)
	}
	return b, nil
}

// answer writes a message as JSON, or calls text.
func (a *App) answer(m proto.Message, text func()) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	if format == "json" {
		return a.printProto(m)
	}
	text()
	return nil
}

// table writes rows under a head in columns as wide as their widest cell; nothing but a sentence where there are none.
func (a *App) table(none string, head []string, rows [][]string) {
	if len(rows) == 0 {
		fmt.Fprintln(a.Out, none)
		return
	}
	width := make([]int, len(head))
	all := append([][]string{head}, rows...)
	for _, row := range all {
		for i := range row {
			row[i] = plain(row[i])
			width[i] = max(width[i], runewidth.StringWidth(row[i]))
		}
	}
	for _, row := range all {
		var line strings.Builder
		for i, cell := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			line.WriteString(runewidth.FillRight(cell, width[i]))
		}
		fmt.Fprintln(a.Out, strings.TrimRight(line.String(), " "))
	}
}

// fields writes names and values, one to a line, without those that are empty.
func (a *App) fields(pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fmt.Fprintf(a.Out, "%-14s %s\n", pairs[i]+":", plain(pairs[i+1]))
		}
	}
}

// when is a time for people, "" for none.
func when(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().UTC().Format("2006-01-02 15:04 UTC")
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// confirm asks before something is lost; --yes answers beforehand, and without a terminal it is needed.
func (a *App) confirm(yes bool, what string) error {
	if yes {
		return nil
	}
	p, ok := a.prompter()
	if !ok {
		return fmt.Errorf("this would %s; add --yes to do it", what)
	}
	answer, err := p.Line(fmt.Sprintf("This will %s. Type yes to go on: ", what))
	if err != nil {
		return err
	}
	if answer != "yes" {
		return errNo{"nothing was changed"}
	}
	return nil
}

// listFlags pick what a list shows.
type listFlags struct {
	filter string
	limit  int
}

// maxPage is the largest page that the API gives.
const maxPage = 1000

// pages reads a list page by page until its end or the limit.
func pages[T any](f listFlags, fetch func(*bulkheadv1.Page) ([]T, string, error)) (items []T, next string, err error) {
	if f.limit < 1 {
		return nil, "", fmt.Errorf("invalid argument \"%d\" for --limit: at least 1", f.limit)
	}
	for {
		some, token, err := fetch(&bulkheadv1.Page{Size: int32(min(f.limit-len(items), maxPage)), Token: next, Filter: f.filter})
		if err != nil {
			return nil, "", remoteError(err)
		}
		items, next = append(items, some...), token
		if next == "" || len(items) >= f.limit || len(some) == 0 {
			return items, next, nil
		}
	}
}

// more says on standard error that a list goes on.
func (a *App) more(next string) {
	if next != "" {
		fmt.Fprintln(a.Err, "bulkhead: there are more; --limit shows them, --filter narrows")
	}
}

// labels reads NAME=VALUE pairs.
func labels(pairs []string) (map[string]string, error) {
	m := map[string]string{}
	for _, p := range pairs {
		k, v, ok := strings.Cut(p, "=")
		if !ok || k == "" {
			return nil, fmt.Errorf("invalid argument %q for --label: it must be NAME=VALUE", p)
		}
		m[k] = v
	}
	return m, nil
}

// second is the unit of polling.
func (a *App) second() time.Duration {
	if a.remote.unit > 0 {
		return a.remote.unit
	}
	return time.Second
}
