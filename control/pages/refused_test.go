package pages

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// TestRefused reads the page of a refused sign-in as a browser would: in the language and colours that were chosen, with what to do, and
// with what a provider could have put into a message as text.
func TestRefused(t *testing.T) {
	s := handler(t)
	for _, c := range []struct {
		lang, scheme string
		has          []string
		not          string
	}{
		{"en", "dark", []string{"Not signed in", "<b>the provider</b> did not say who you are.", "What to do: begin again."}, "没有策略"},
		{"zh", "light", []string{"未登录", "没有策略允许此操作。", "<b>the provider</b> did not say who you are.", "处理方法： begin again."}, "Not signed in"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/oidc/callback?state=x", nil)
		r.AddCookie(&http.Cookie{Name: langCookie, Value: c.lang})
		r.AddCookie(&http.Cookie{Name: schemeCookie, Value: c.scheme})
		w := httptest.NewRecorder()
		s.Refused(w, r, http.StatusForbidden, "denied", "<b>the provider</b> did not say who you are", "begin again")
		if w.Code != http.StatusForbidden || w.Header().Get("Content-Language") != c.lang {
			t.Errorf("%s: %d, %v", c.lang, w.Code, w.Header())
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "script-src") {
			t.Errorf("%s: the policy is %q", c.lang, policy)
		}
		if !strings.Contains(w.Body.String(), `data-scheme="`+c.scheme+`"`) {
			t.Errorf("%s: not %s", c.lang, c.scheme)
		}
		doc, err := html.Parse(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		k := &check{t: t, h: s, page: "refused " + c.lang, ids: map[string]bool{}, refs: map[string]string{}, labelled: map[string]bool{}}
		k.walk(doc)
		k.end()
		said := textOf(doc)
		for _, want := range c.has {
			if !strings.Contains(said, want) {
				t.Errorf("%s: %q is not in %q", c.lang, want, said)
			}
		}
		if strings.Contains(said, c.not) {
			t.Errorf("%s: %q is in %q", c.lang, c.not, said)
		}
	}
}

func textOf(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		b.WriteString(textOf(k))
	}
	return b.String()
}
