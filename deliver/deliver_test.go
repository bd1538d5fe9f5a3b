package deliver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leodido/go-syslog/v4/rfc5424"
)

func TestSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for text, want := range map[string]string{
		" 0123456789abcdef \r\n": "", "short": "less than 16", strings.Repeat("x", mostSecret+1): "more than 4096",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Secret(path, LeastKey)
		if want == "" && (err != nil || got != "0123456789abcdef") || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), text)) {
			t.Errorf("%.20q: %q, %v", text, got, err)
		}
	}
	if got, err := Secret("", LeastKey); got != "" || err != nil {
		t.Error(got, err)
	}
	if _, err := Secret(path+"x", LeastKey); err == nil {
		t.Error("a missing file is no secret")
	}
}

func TestMessagesCanBeRead(t *testing.T) {
	for _, m := range []Message{
		{Priority: 113, Time: time.Unix(1700000000, 123456000), Host: "h", ID: "silent", Text: "x"},
		{Priority: 0, Host: "", ID: "", Text: "界\n\x00"},
		{Priority: 191, Host: strings.Repeat("h", 300) + " é", ID: "a b]\"", Text: strings.Repeat("x", 1<<16)},
	} {
		text, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := rfc5424.NewParser().Parse([]byte(text))
		if err != nil {
			t.Errorf("%v in %.100q", err, text)
			continue
		}
		if p := got.(*rfc5424.SyslogMessage); *p.Priority != m.Priority || *p.Message != m.Text {
			t.Errorf("%+v", p)
		}
	}
}
