package console

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

const page = `<html lang="%LANG%" data-mantine-color-scheme="%SCHEME%"><meta property="csp-nonce" nonce="%NONCE%"></html>`

func dist() fstest.MapFS {
	return fstest.MapFS{
		".gitignore":          {Data: []byte("*")},
		"index.html":          {Data: []byte(page)},
		"favicon.svg":         {Data: []byte("<svg/>")},
		"assets/app-1.js":     {Data: []byte("plain")},
		"assets/app-1.js.gz":  {Data: []byte("gzipped")},
		"assets/app-1.js.br":  {Data: []byte("brotli")},
		"assets/icon-2.woff2": {Data: []byte("font")},
	}
}

func serve(t *testing.T, files fs.FS, method, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	s, err := newSite(files, Options{Language: func(r *http.Request) string {
		if strings.HasPrefix(r.Header.Get("Accept-Language"), "zh") {
			return "zh"
		}
		return "en"
	}})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestEveryAddressIsThePage(t *testing.T) {
	nonces := map[string]bool{}
	for _, at := range []string{"/", "/requirements/8.1.c?node=x", "/nodes/abc/facts"} {
		res := serve(t, dist(), http.MethodGet, at, "Accept", "text/html,*/*", "Accept-Language", "zh", "Cookie", "bulkhead-scheme=dark")
		m := regexp.MustCompile(`nonce="([A-Za-z0-9_-]{22})"`).FindStringSubmatch(res.Body.String())
		if res.Code != http.StatusOK || m == nil {
			t.Fatalf("%s: %d %s", at, res.Code, res.Body)
		}
		nonces[m[1]] = true
		if csp := res.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "style-src 'self' 'nonce-"+m[1]+"';") ||
			!strings.Contains(csp, "script-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s", at, csp)
		}
		if res.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: a nonce is kept: %v", at, res.Header())
		}
		if b := res.Body.String(); !strings.Contains(b, `lang="zh"`) || !strings.Contains(b, `scheme="dark"`) || strings.Contains(b, "%") {
			t.Errorf("%s: %s", at, b)
		}
	}
	if len(nonces) != 3 {
		t.Errorf("nonces come again: %v", nonces)
	}
}

func TestACookieCannotWriteIntoThePage(t *testing.T) {
	res := serve(t, dist(), http.MethodGet, "/", "Accept", "text/html", "Cookie", `bulkhead-scheme=x><script>`)
	if b := res.Body.String(); !strings.Contains(b, `scheme="auto"`) {
		t.Error(b)
	}
}

func TestWhatIsNoPage(t *testing.T) {
	for _, c := range []struct{ method, at, accept string }{
		{http.MethodGet, "/assets/gone-3.js", "text/html,*/*"},
		{http.MethodGet, "/requirements", "application/json"},
		{http.MethodPost, "/", "text/html"},
		{http.MethodGet, "/.gitignore", "*/*"},
		{http.MethodGet, "/assets/app-1.js.br", "*/*"},
	} {
		if res := serve(t, dist(), c.method, c.at, "Accept", c.accept); res.Code != http.StatusNotFound {
			t.Errorf("%+v: %d", c, res.Code)
		}
	}
}

func TestFiles(t *testing.T) {
	for _, c := range []struct{ at, accept, body, coding, kind, cache string }{
		{"/assets/app-1.js", "gzip, deflate, br", "brotli", "br", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/assets/app-1.js", "gzip", "gzipped", "gzip", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/assets/app-1.js", "br;q=0, gzip;q=0.0", "plain", "", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/assets/app-1.js", "", "plain", "", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/assets/icon-2.woff2", "br", "font", "", "font/woff2", "public, max-age=31536000, immutable"},
		{"/favicon.svg", "br", "<svg/>", "", "image/svg+xml", "no-cache"},
	} {
		res := serve(t, dist(), http.MethodGet, c.at, "Accept-Encoding", c.accept)
		h := res.Header()
		if res.Code != http.StatusOK || res.Body.String() != c.body || h.Get("Content-Encoding") != c.coding || h.Get("Content-Type") != c.kind || h.Get("Cache-Control") != c.cache {
			t.Errorf("%+v: %d %q %v", c, res.Code, res.Body, h)
		}
		again := serve(t, dist(), http.MethodGet, c.at, "Accept-Encoding", c.accept, "If-None-Match", h.Get("ETag"))
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%+v: again: %d", c, again.Code)
		}
	}
	if res := serve(t, dist(), http.MethodHead, "/assets/app-1.js"); res.Code != http.StatusOK || res.Body.Len() != 0 || res.Header().Get("Content-Length") != "5" {
		t.Errorf("HEAD: %d %v", res.Code, res.Header())
	}
}

func TestABuildWithoutTheConsoleSaysSo(t *testing.T) {
	empty := fstest.MapFS{".gitignore": {Data: []byte("*")}}
	for lang, want := range map[string]string{"en": "make build", "zh": "此构建不含控制台"} {
		res := serve(t, empty, http.MethodGet, "/", "Accept", "text/html", "Accept-Language", lang)
		if res.Code != http.StatusNotFound || !strings.Contains(res.Body.String(), want) {
			t.Errorf("%s: %d %s", lang, res.Code, res.Body)
		}
	}
}

func TestAPageWithoutItsMarksIsRefused(t *testing.T) {
	if _, err := newSite(fstest.MapFS{"index.html": {Data: []byte("<html>")}}, Options{}); err == nil {
		t.Error("a page that can't have a nonce is served")
	}
}

// TestWhatWasBuilt looks at what is embedded, where `make build` has been: nothing inline, nothing from elsewhere, all packed.
func TestWhatWasBuilt(t *testing.T) {
	sub, err := fs.Sub(built, "dist")
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSite(sub, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.page == nil {
		t.Log("the console was not built: only the page that says so is served")
		return
	}
	if inline := regexp.MustCompile(`(?i)<script[^>]*>[^<]|<style|\son[a-z]+=|https?://`).FindString(string(s.page)); inline != "" {
		t.Errorf("index.html has %q", inline)
	}
	for name, f := range s.files {
		if strings.HasSuffix(name, ".map") {
			t.Errorf("%s is in the program", name)
		}
		if (strings.HasSuffix(name, ".js") || strings.HasSuffix(name, ".css")) && len(f.plain) > 1024 && (f.packed["br"] == nil || f.packed["gzip"] == nil) {
			t.Errorf("%s is not packed", name)
		}
	}
}
