package report

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"github.com/bulkhead-security/bulkhead/model"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares with testdata/name and writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; look at what changed and run `go test ./framework/report -update`\n%s", path, firstDifference(string(got), string(want)))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d:\n got %q\nwant %q", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}

// recordedAssessment is the golden tests' input.
func recordedAssessment(t *testing.T) *model.Assessment {
	t.Helper()
	f, err := os.Open("testdata/assessment.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, err := ReadAssessment(f)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTextGolden(t *testing.T) {
	a, cat := recordedAssessment(t), testCatalogue(t)
	for _, lang := range []string{"en", "zh"} {
		for _, width := range []int{60, 80, 120} {
			var b bytes.Buffer
			o := TextOptions{Width: width, Lang: lang, Verbose: width == 120}
			if err := Text(&b, a, cat, o); err != nil {
				t.Fatal(err)
			}
			golden(t, fmt.Sprintf("text_%s_%d.txt", lang, width), b.Bytes())
			b.Reset()
			if err := Explain(&b, a, cat, "8.1.c", o); err != nil {
				t.Fatal(err)
			}
			golden(t, fmt.Sprintf("explain_%s_%d.txt", lang, width), b.Bytes())
		}
	}
}

var sgr = regexp.MustCompile("\x1b\\[[0-9]*m")

// TestTextFits holds for every width and both languages: no line is too wide, nothing hostile gets through.
func TestTextFits(t *testing.T) {
	a, cat := sampleAssessment(t), testCatalogue(t)
	cond := runewidth.Condition{StrictEmojiNeutral: true}
	for _, lang := range []string{"en", "zh"} {
		for _, width := range []int{60, 61, 67, 80, 99, 120} {
			var plain, colored bytes.Buffer
			o := TextOptions{Width: width, Lang: lang, Verbose: width%2 == 1}
			if err := Text(&plain, a, cat, o); err != nil {
				t.Fatal(err)
			}
			for _, r := range a.Requirements {
				if err := Explain(&plain, a, cat, r.ID, o); err != nil {
					t.Fatal(err)
				}
			}
			for i, line := range strings.Split(plain.String(), "\n") {
				if w := cond.StringWidth(line); w > width {
					t.Errorf("%s %d: line %d takes %d columns: %q", lang, width, i+1, w, line)
				}
				if clean(line) != line {
					t.Errorf("%s %d: line %d holds an invisible character: %q", lang, width, i+1, line)
				}
			}
			o.Color = true
			if err := Text(&colored, a, cat, o); err != nil {
				t.Fatal(err)
			}
			bare := sgr.ReplaceAllString(colored.String(), "")
			if !strings.HasPrefix(plain.String(), bare) || strings.Contains(bare, "\x1b") {
				t.Errorf("%s %d: colour changes the text", lang, width)
			}
		}
	}
}

func TestTextOfNothing(t *testing.T) {
	var b bytes.Buffer
	if err := Text(&b, &model.Assessment{}, nil, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "Everything that was looked for could be read.") {
		t.Errorf("no word about gaps in %q", b.String())
	}
}

func TestTextWithoutCatalogueGroupsByID(t *testing.T) {
	var b bytes.Buffer
	if err := Text(&b, sampleAssessment(t), nil, TextOptions{Width: 80}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\n8.1\n", "\n8.6.1\n", "\n8.6.2\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no heading %q", want)
		}
	}
}

func TestExplainOneCheckAndUnknownIDs(t *testing.T) {
	a := sampleAssessment(t)
	var b bytes.Buffer
	if err := Explain(&b, a, nil, "8.1.c/users", TextOptions{Width: 80}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "/host/groups/4") || strings.Contains(b.String(), "socket-mode") {
		t.Errorf("not the one check: %s", b.String())
	}
	for id, want := range map[string]string{
		"8.1.z":     "8.1.a, 8.1.b, 8.1.c",
		"8.1.c/zz":  "8.1.c/socket-mode, 8.1.c/users",
		"nonsense":  "bulkhead catalogue",
		"":          "bulkhead catalogue",
		"8.6.1.zzz": "8.6.1.a",
	} {
		err := Explain(&b, a, nil, id, TextOptions{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Explain(%q): %v, want it to name %s", id, err, want)
		}
	}
}

type brokenWriter struct{}

var errFull = errors.New("disk full")

func (brokenWriter) Write([]byte) (int, error) { return 0, errFull }

func TestWritersReportErrors(t *testing.T) {
	a, cat := sampleAssessment(t), testCatalogue(t)
	for name, err := range map[string]error{
		"text":    Text(brokenWriter{}, a, cat, TextOptions{}),
		"explain": Explain(brokenWriter{}, a, cat, "8.1.c", TextOptions{}),
		"json":    JSON(brokenWriter{}, a),
		"html":    HTML(brokenWriter{}, a, cat, "en"),
		"sarif":   SARIF(brokenWriter{}, a, cat),
		"diff":    DiffText(brokenWriter{}, Diff(a, a), TextOptions{}),
	} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzWrap(f *testing.F) {
	f.Add("the quick brown fox", 10)
	f.Add(hostileName+longName+cjkName, 7)
	f.Add("e\u0301\u0301 \U0001F469\u200D\U0001F469\u200D\U0001F467 ｱ한국", 2)
	f.Add("\xff\xfe\x00", 3)
	f.Fuzz(func(t *testing.T, s string, width int) {
		if len(s) > 2000 || width > 500 {
			t.Skip()
		}
		s = clean(s)
		if !utf8.ValidString(s) || !isClean(s) {
			t.Fatalf("clean left %q", s)
		}
		lines := wrap(s, width)
		for _, l := range lines {
			if textWidth(l) > max(width, 2) {
				t.Errorf("%q takes %d columns, width %d", l, textWidth(l), width)
			}
		}
		squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if got := strings.Join(lines, ""); squeeze(got) != squeeze(s) {
			t.Errorf("wrap lost text: %q from %q", got, s)
		}
	})
}

func TestMentions(t *testing.T) {
	for _, c := range []struct {
		text, subject string
		want          bool
	}{
		{"web runs privileged", "web", true},
		{"webserver runs privileged", "web", false},
		{"本节点未运行 replace", "replace", true},
		{"用户ana拥有权限", "ana", true},
		{"my-web and web", "web", true},
		{"my-web", "web", false},
		{"/etc/passwd.bak", "/etc/passwd", true},
		{"", "web", false},
	} {
		if got := mentions(c.text, c.subject); got != c.want {
			t.Errorf("%q in %q: %v", c.subject, c.text, got)
		}
	}
}
