package forward

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/iotest"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

type named struct {
	ID     string `json:"Id"`
	Labels struct {
		By string `json:"io.bulkhead.build"`
	}
}

func elementsOf(text string, each func(named)) error {
	return Elements(strings.NewReader(text), func(d *jsontext.Decoder) error {
		var n named
		if err := jsonv2.UnmarshalDecode(d, &n); err != nil {
			return err
		}
		each(n)
		return nil
	})
}

// TestLongList: a list has any length, and so have the texts in it; what is needed of it is read all the same.
func TestLongList(t *testing.T) {
	const many = 80
	one, err := json.Marshal(map[string]any{"Labels": map[string]string{
		"a": strings.Repeat("x", 1<<20), "IO.bulkhead.build": "other", "io.bulkhead.build": "mine", "z": strings.Repeat("\x01\\\"\U0001F600", 1<<16),
	}, "Id": "sha256:1"})
	if err != nil {
		t.Fatal(err)
	}
	text := "[" + strings.Repeat(string(one)+",\n", many-1) + string(one) + "]"
	if len(text) < 64<<20 {
		t.Fatal("the list is too short to show anything")
	}
	n := 0
	if err := elementsOf(text, func(e named) {
		if n++; e.ID != "sha256:1" || e.Labels.By != "mine" {
			t.Errorf("%d: %+v", n, e)
		}
	}); err != nil || n != many {
		t.Errorf("%d %v", n, err)
	}
}

func TestListsThatAreNone(t *testing.T) {
	for text, fine := range map[string]bool{
		"null": true, "[]\n": true, `[{"Id":"a"}]`: true, "": false, "{}": false, "[": false, `[{"Id":"a"}`: false, `[{"Id":"a`: false, `["a"]`: false, `[{"Id":"a"} {}]`: false,
	} {
		if err := elementsOf(text, func(named) {}); (err == nil) != fine {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := Elements(strings.NewReader("["+strings.Repeat("1,", mostElements)+"1]"), func(d *jsontext.Decoder) error { return d.SkipValue() }); err == nil {
		t.Error("a list has no bound")
	}
}

// FuzzShortened: what has no long text stays as it is, and what has is JSON still.
func FuzzShortened(f *testing.F) {
	f.Add("a\\\"é", 3)
	f.Fuzz(func(t *testing.T, part string, times int) {
		text, err := json.Marshal([]string{strings.Repeat(part, min(max(times, 0), 1<<10)), part})
		if err != nil || len(text) > 1<<21 {
			t.Skip()
		}
		var out strings.Builder
		buffer := make([]byte, 7)
		s := &shortened{from: iotest.HalfReader(strings.NewReader(string(text)))}
		for {
			n, err := s.Read(buffer)
			out.Write(buffer[:n])
			if err != nil {
				break
			}
		}
		if len(text) < longestText && out.String() != string(text) {
			t.Fatalf("%q became %q", text, out.String())
		}
		if !json.Valid([]byte(out.String())) {
			t.Fatalf("%q is no JSON", out.String())
		}
	})
}
