package report

import (
	"bytes"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func render(t testing.TB, a *model.Assessment, lang string) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, a, testCatalogue(t), lang); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// between returns what stands between two marks, which must be there once.
func between(t *testing.T, s, from, to string) string {
	t.Helper()
	if n := strings.Count(s, from); n != 1 {
		t.Fatalf("%q stands %d times in the page", from, n)
	}
	_, rest, _ := strings.Cut(s, from)
	got, _, ok := strings.Cut(rest, to)
	if !ok {
		t.Fatalf("no %q after %q", to, from)
	}
	return got
}

func TestHTMLPolicyAllowsItsOwnPartsOnly(t *testing.T) {
	page := render(t, sampleAssessment(t), "en")
	policy := html.UnescapeString(between(t, page, `http-equiv="Content-Security-Policy" content="`, `"`))
	want := "default-src 'none'; style-src '" + digest(between(t, page, "<style>", "</style>")) +
		"'; script-src '" + digest(between(t, page, "<script>", "</script>")) + "'; base-uri 'none'; form-action 'none'"
	if policy != want {
		t.Errorf("policy\n got %s\nwant %s", policy, want)
	}
}

func TestHTMLAsksNobody(t *testing.T) {
	page := render(t, sampleAssessment(t), "en")
	for _, bad := range []string{`(?i)https?://`, `(?i)\ssrc=`, `(?i)<link`, `(?i)<iframe|<img|<object|<embed`, `(?i)url\(`, `@import`, `\sstyle="`, `\son[a-z]+="`} {
		if m := regexp.MustCompile(bad).FindString(page); m != "" {
			t.Errorf("the page holds %q", m)
		}
	}
	for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "#") || !strings.Contains(page, `id="`+m[1][1:]+`"`) {
			t.Errorf("link to %q, which is not in the page", m[1])
		}
	}
}

func TestHTMLHostileContentIsText(t *testing.T) {
	a := sampleAssessment(t)
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>` + "\u202e"
	a.Node.Name, a.Node.Version = evil, evil
	a.Gaps = []model.Gap{{Path: evil, Reason: model.GapReason(evil), Detail: evil, Remedy: evil}}
	r := &a.Requirements[0]
	r.ID, r.Title, r.TitleZH, r.Reason, r.Keyword = evil, evil, evil+"zh", evil, model.Keyword(evil)
	c := &r.Checks[0]
	c.ID, c.Title, c.Remediation, c.RemediationZH, c.Severity, c.References = evil, evil, evil, evil+"zh", model.Severity(evil), []string{evil}
	c.Evidence = []model.Evidence{{Pointer: evil, Subject: evil, Text: evil, TextZH: evil + "zh", Exception: &model.Exception{Check: evil, Subject: evil, Owner: evil, Reason: evil, Expires: evil}}}
	page := render(t, a, evil)
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d scripts in the page", n)
	}
	if strings.Contains(page, "<img") || strings.Contains(page, "\u202e") {
		t.Error("hostile content got through")
	}
	if !strings.Contains(page, `id="r-`+strings.Repeat("_", 2)) {
		t.Error("the requirement with the hostile id has no anchor")
	}
}

func TestHTMLHoldsEverythingInBothLanguages(t *testing.T) {
	a := sampleAssessment(t)
	page := render(t, a, "zh")
	if !strings.Contains(page, `<html lang="zh-Hans">`) || !strings.Contains(page, `id="lang-zh" checked`) {
		t.Error("the page does not begin in Chinese")
	}
	for _, r := range a.Requirements {
		for _, want := range []string{r.Title, r.TitleZH, `id="` + anchor(r.ID) + `"`, `href="#` + anchor(r.ID) + `"`} {
			if !strings.Contains(html.UnescapeString(page), want) {
				t.Errorf("%s: no %q", r.ID, want)
			}
		}
	}
	if n := strings.Count(page, `<details class="card`); n != len(a.Requirements) {
		t.Errorf("%d cards", n)
	}
	if n := strings.Count(page, `<rect class="f-`); n != 5 {
		t.Errorf("%d segments in the bar", n)
	}
	if en, zh := strings.Count(page, `class="en"`), strings.Count(page, `class="zh"`); en != zh || en < 500 {
		t.Errorf("%d texts in English, %d in Chinese", en, zh)
	}
}

func TestHTMLOfNothing(t *testing.T) {
	var b bytes.Buffer
	if err := HTML(&b, &model.Assessment{}, nil, ""); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "No exceptions are recorded.") {
		t.Error("no word about exceptions")
	}
}

// TestHTMLContrast computes the WCAG contrast of each text colour on each ground on which it stands.
func TestHTMLContrast(t *testing.T) {
	colors := map[string][2]string{}
	for _, m := range regexp.MustCompile(`--([a-z_-]+): light-dark\((#[0-9a-f]+), (#[0-9a-f]+)\)`).FindAllStringSubmatch(pageCSS, -1) {
		colors[m[1]] = [2]string{m[2], m[3]}
	}
	pairs := [][2]string{{"accent", "surface"}, {"accent", "sunken"}, {"accent", "bg"}}
	for _, fg := range []string{"ink", "muted"} {
		for _, bg := range []string{"bg", "surface", "sunken"} {
			pairs = append(pairs, [2]string{fg, bg})
		}
	}
	for _, s := range statuses {
		pairs = append(pairs, [2]string{string(s), string(s) + "-bg"}, [2]string{string(s), "surface"})
	}
	for _, p := range pairs {
		for mode := range 2 {
			fg, bg := colors[p[0]][mode], colors[p[1]][mode]
			if c := contrast(t, fg, bg); c < 4.5 {
				t.Errorf("%s %s on %s %s: contrast %.2f, want 4.5", p[0], fg, p[1], bg, c)
			}
		}
	}
	for mode := range 2 { // borders of controls
		for _, bg := range []string{"surface", "sunken"} {
			if c := contrast(t, colors["edge"][mode], colors[bg][mode]); c < 3 {
				t.Errorf("edge on %s: contrast %.2f, want 3", bg, c)
			}
		}
	}
}
