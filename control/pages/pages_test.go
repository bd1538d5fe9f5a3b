package pages

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func handler(t *testing.T) *Site {
	t.Helper()
	h, err := Handler()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(t *testing.T, h http.Handler, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestPagesKeepThePolicy reads each page as a browser would: own files only, nothing inline, each field with a label, each
// id once.
func TestPagesKeepThePolicy(t *testing.T) {
	h := handler(t)
	for p := range pagesOf() {
		for _, lang := range []string{"en", "zh"} {
			res := get(t, h, p+"?lang="+lang)
			if res.Code != http.StatusOK || res.Header().Get("Cache-Control") != "no-cache" || res.Header().Get("Content-Language") != lang {
				t.Errorf("%s: %d, %v", p, res.Code, res.Header())
			}
			doc, err := html.Parse(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			c := &check{t: t, h: h, page: p + " " + lang, ids: map[string]bool{}, refs: map[string]string{}, labelled: map[string]bool{}}
			c.walk(doc)
			c.end()
		}
	}
}

type check struct {
	t        *testing.T
	h        http.Handler
	page     string
	ids      map[string]bool
	refs     map[string]string
	labelled map[string]bool
	inputs   []string
}

func (c *check) walk(n *html.Node) {
	if n.Type == html.ElementNode {
		c.element(n)
	}
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		c.walk(k)
	}
}

func (c *check) element(n *html.Node) {
	attr := map[string]string{}
	for _, a := range n.Attr {
		attr[a.Key] = a.Val
		if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
			c.t.Errorf("%s: <%s> has %s inline", c.page, n.Data, a.Key)
		}
		if strings.HasPrefix(a.Key, "aria-") && (strings.HasSuffix(a.Key, "by") || a.Key == "aria-controls") {
			c.refs[a.Val] = a.Key
		}
	}
	if id := attr["id"]; id != "" {
		if c.ids[id] {
			c.t.Errorf("%s: the id %s is there twice", c.page, id)
		}
		c.ids[id] = true
	}
	switch n.Data {
	case "script":
		if n.FirstChild != nil || attr["type"] != "module" {
			c.t.Errorf("%s: a script is inline or no module", c.page)
		}
		c.served(attr["src"])
	case "link":
		if attr["href"] != "data:," {
			c.served(attr["href"])
		}
	case "style":
		c.t.Errorf("%s: style is inline", c.page)
	case "label":
		c.labelled[attr["for"]] = true
	case "input":
		c.inputs = append(c.inputs, attr["id"])
	case "button":
		if attr["id"] == "" || attr["type"] == "" {
			c.t.Errorf("%s: a button has no id or no type", c.page)
		}
	}
}

func (c *check) served(at string) {
	if res := get(c.t, c.h, at); res.Code != http.StatusOK || !strings.Contains(res.Header().Get("Cache-Control"), "immutable") {
		c.t.Errorf("%s: %s: %d, %v", c.page, at, res.Code, res.Header())
	}
}

func (c *check) end() {
	for _, id := range c.inputs {
		if !c.labelled[id] {
			c.t.Errorf("%s: the field %q has no label", c.page, id)
		}
	}
	for id, by := range c.refs {
		if !c.ids[id] {
			c.t.Errorf("%s: %s names %q, which is not there", c.page, by, id)
		}
	}
}

func TestLanguage(t *testing.T) {
	h := handler(t)
	for _, c := range []struct{ target, header, value, want string }{
		{"/sign-in", "Accept-Language", "zh-CN,zh;q=0.9,en;q=0.8", "zh"},
		{"/sign-in", "Accept-Language", "de-DE,en;q=0.5", "en"},
		{"/sign-in", "Accept-Language", ";;;", "en"},
		{"/sign-in", "Cookie", "bulkhead-lang=zh", "zh"},
		{"/sign-in", "Cookie", "bulkhead-lang=../x", "en"},
		{"/sign-in?lang=zh", "Cookie", "bulkhead-lang=en", "zh"},
		{"/sign-in?lang=xx", "", "", "en"},
	} {
		res := get(t, h, c.target, c.header, c.value)
		if b := res.Body.String(); !strings.Contains(b, `<html lang="`+c.want+`" `) {
			t.Errorf("%+v: %.60s", c, b)
		}
	}
}

func TestScheme(t *testing.T) {
	h := handler(t)
	for cookie, want := range map[string]string{
		"": "auto", "bulkhead-scheme=dark": "dark", "bulkhead-scheme=light": "light", "bulkhead-scheme=auto": "auto",
		`bulkhead-scheme=x"><script>`: "auto", "bulkhead-scheme=../x": "auto", "bulkhead-lang=zh; bulkhead-scheme=dark": "dark",
	} {
		for _, at := range []string{"/sign-in", "/account", "/device", "/enrol"} {
			res := get(t, h, at, "Cookie", cookie)
			if b := res.Body.String(); !strings.Contains(b, ` data-scheme="`+want+`">`) {
				t.Errorf("%s with %q: %.80s", at, cookie, b)
			}
		}
	}
}

func TestCaching(t *testing.T) {
	h := handler(t)
	tag := get(t, h, "/enrol").Header().Get("ETag")
	if res := get(t, h, "/enrol", "If-None-Match", tag); tag == "" || res.Code != http.StatusNotModified {
		t.Errorf("%q: %d", tag, res.Code)
	}
	for _, p := range []string{"/pages/0000/style.css", "/pages/", "/pages/../pages.go", "/enrol/x", "/nothing"} {
		if res := get(t, h, p); res.Code == http.StatusOK {
			t.Errorf("%s is served", p)
		}
	}
}

// TestTexts has the same texts in both languages, all that scripts use, and no other.
func TestTexts(t *testing.T) {
	texts := map[string]map[string]string{}
	for _, l := range []string{"en", "zh"} {
		b, err := files.ReadFile("text/" + l + ".json")
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		if err := json.Unmarshal(b, &all); err != nil {
			t.Fatal(err)
		}
		texts[l] = all
	}
	for k, v := range texts["en"] {
		if texts["zh"][k] == "" || v == "" {
			t.Errorf("%s is missing in a language", k)
		}
	}
	if len(texts["en"]) != len(texts["zh"]) {
		t.Error("the languages differ in their texts")
	}
	used := usedTexts(t)
	for k := range used {
		if texts["en"][k] == "" {
			t.Errorf("there is no text for %s", k)
		}
	}
	for k := range texts["en"] {
		if !used[k] && !regexp.MustCompile(`^(error|kind)\.|\.title$`).MatchString(k) {
			t.Errorf("%s is used nowhere", k)
		}
	}
}

func usedTexts(t *testing.T) map[string]bool {
	t.Helper()
	used := map[string]bool{}
	keys := regexp.MustCompile(`(?:\bt\("|\bsay\("|\{\{t "|"who\.|\? "|: ")([a-z0-9.]+)"`)
	for _, dir := range []string{"static", "html"} {
		entries, err := files.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			b, err := files.ReadFile(path.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range keys.FindAllStringSubmatch(string(b), -1) {
				switch {
				case strings.Contains(m[0], `"who.`):
					used["who."+m[1]] = true
				case strings.HasPrefix(m[0], "?"), strings.HasPrefix(m[0], ":"):
					if strings.Contains(m[1], ".") {
						used[m[1]] = true
					}
				case m[1] != "kind.":
					used[m[1]] = true
				}
			}
		}
	}
	return used
}

// TestScriptsUseWhatIsThere has each element that a page's own script names on that page.
func TestScriptsUseWhatIsThere(t *testing.T) {
	h := handler(t)
	names := regexp.MustCompile(`(?:\$|onClick|onSubmit)\("([a-z-]+)"(?:, "([a-z-]+)")?`)
	for p, page := range pagesOf() {
		doc := get(t, h, p).Body.String()
		b, err := files.ReadFile("static/" + page + ".js")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range names.FindAllStringSubmatch(string(b), -1) {
			for _, id := range m[1:] {
				if id != "" && !strings.Contains(doc, `id="`+id+`"`) {
					t.Errorf("%s.js uses #%s, which is not on the page", page, id)
				}
			}
		}
		if strings.Contains(string(b), "innerHTML") || strings.Contains(string(b), "eval(") {
			t.Errorf("%s.js makes markup or code of text", page)
		}
	}
}

func TestQR(t *testing.T) {
	h := handler(t)
	for _, c := range []struct {
		name, body, site string
		want             int
	}{
		{"address", "otpauth://totp/Bulkhead:alice?secret=JBSWY3DPEHPK3PXP&issuer=Bulkhead", "same-origin", http.StatusOK},
		{"no header", "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP", "", http.StatusOK},
		{"elsewhere", "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP", "cross-site", http.StatusForbidden},
		{"other text", "https://example.org", "same-origin", http.StatusBadRequest},
		{"too long", "otpauth://totp/" + strings.Repeat("x", maxURI), "", http.StatusBadRequest},
		{"nothing", "", "", http.StatusBadRequest},
	} {
		r := httptest.NewRequest(http.MethodPost, "/pages/qr", strings.NewReader(c.body))
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d", c.name, w.Code, c.want)
		}
		if c.want != http.StatusOK {
			continue
		}
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: kept: %v", c.name, w.Header())
		}
		if err := xml.Unmarshal(w.Body.Bytes(), new(struct{})); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
