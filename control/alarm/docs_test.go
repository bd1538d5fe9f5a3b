package alarm

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestDocumentation holds the samples of docs/alarms.md to what is sent.
func TestDocumentation(t *testing.T) {
	b, err := os.ReadFile("../../docs/alarms.md")
	if err != nil {
		t.Fatal(err)
	}
	sample := func(kind string) string {
		_, rest, _ := strings.Cut(string(b), "```"+kind+"\n")
		text, _, ok := strings.Cut(rest, "```")
		if !ok {
			t.Fatalf("no sample of %s", kind)
		}
		return text
	}
	var d document
	dec := json.NewDecoder(strings.NewReader(sample("json")))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil || d.Schema != Schema || len(d.Events) != 1 {
		t.Fatal(err, d)
	}
	subject, body := (&mailer{}).single(&d.Events[0])
	if want := "Subject: " + subject + "\n\n" + body; sample("text") != want {
		t.Errorf("the mail is\n%s", want)
	}
}
