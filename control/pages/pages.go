// Package pages serves the plain pages for people in a browser: enrolment, sign-in, the own account, and the approval of
// devices, in English and Chinese.
//
// The pages are static. Whatever they do, they do by calling the API as any other client, so nothing is decided here and
// no secret passes through here, but the one that is drawn as a QR code and not kept. The server that mounts the handler
// sets the headers; ContentSecurityPolicy is the strictest one that the pages work under.
package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"mime"
	"net/http"
	"path"
	"slices"

	"golang.org/x/text/language"
)

// ContentSecurityPolicy is what the pages work under: own files only, no inline script or style, in no frame.
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Names of the cookie and the parameter that choose the language, and of the cookie with the colour scheme, which the console writes.
const (
	langCookie   = "bulkhead-lang"
	langParam    = "lang"
	schemeCookie = "bulkhead-scheme"
)

// look is how a page is served: its language and its colour scheme.
type look struct{ lang, scheme string }

//go:embed html text static
var files embed.FS

// pagesOf are the pages by path.
func pagesOf() map[string]string {
	return map[string]string{"/enrol": "enrol", "/sign-in": "sign-in", "/account": "account", "/device": "device"}
}

// Paths are where the handler has to be mounted.
func Paths() []string {
	return append(slices.Sorted(maps.Keys(pagesOf())), "/pages/")
}

// Handler serves the pages and what they need, below /enrol, /sign-in, /account, /device and /pages/.
func Handler() (*Site, error) {
	s := &Site{assets: map[string]asset{}, pages: map[look]map[string]asset{}, refused: map[look]*template.Template{}, mux: http.NewServeMux()}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	for p := range pagesOf() {
		s.mux.HandleFunc("GET "+p, s.page)
	}
	s.mux.HandleFunc("GET "+s.base+"{name}", s.asset)
	s.mux.HandleFunc("POST /pages/qr", qr)
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// asset is a file as it is served.
type asset struct {
	body []byte
	kind string
	tag  string
}

// Site is all that is served. It does not change.
type Site struct {
	base    string           // "/pages/DIGEST/"
	assets  map[string]asset // by name
	pages   map[look]map[string]asset
	refused map[look]*template.Template
	mux     *http.ServeMux
}

// load reads the files and renders each page in each language and colour scheme.
func (s *Site) load() error {
	sum := sha256.New()
	for _, dir := range []string{"static", "text"} {
		entries, err := fs.ReadDir(files, dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			b, err := files.ReadFile(path.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			s.assets[e.Name()] = newAsset(b, mime.TypeByExtension(path.Ext(e.Name())))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.assets)) {
		fmt.Fprintf(sum, "%s %s\n", name, s.assets[name].tag)
	}
	s.base = "/pages/" + hex.EncodeToString(sum.Sum(nil))[:16] + "/"
	for _, lang := range []string{"en", "zh"} {
		for _, scheme := range []string{"auto", "light", "dark"} {
			if err := s.render(look{lang, scheme}); err != nil {
				return err
			}
		}
	}
	return nil
}

func newAsset(b []byte, kind string) asset {
	sum := sha256.Sum256(b)
	return asset{body: b, kind: kind, tag: `"` + hex.EncodeToString(sum[:16]) + `"`}
}

// render makes the pages as they look in one way.
func (s *Site) render(as look) error {
	texts := map[string]string{}
	if err := json.Unmarshal(s.assets[as.lang+".json"].body, &texts); err != nil {
		return fmt.Errorf("text/%s.json: %w", as.lang, err)
	}
	translate := func(key string) (string, error) {
		if t, ok := texts[key]; ok {
			return t, nil
		}
		return "", errors.New("no text for " + key)
	}
	s.pages[as] = map[string]asset{}
	for at, name := range pagesOf() {
		t, err := template.New("layout.html").Funcs(template.FuncMap{"t": translate}).ParseFS(files, "html/layout.html", "html/parts.html", "html/"+name+".html")
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, map[string]string{"Lang": as.lang, "Scheme": as.scheme, "Base": s.base, "Page": name}); err != nil {
			return err
		}
		s.pages[as][at] = newAsset(b.Bytes(), "text/html; charset=utf-8")
	}
	return s.renderRefused(as, texts, translate)
}

// page serves a page in the language that was chosen, or that the browser prefers.
func (s *Site) page(w http.ResponseWriter, r *http.Request) {
	lang := r.URL.Query().Get(langParam)
	if lang == "en" || lang == "zh" {
		// The console's scripts change it, too.
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // a language is no secret
			Name: langCookie, Value: lang, Path: "/", MaxAge: 365 * 24 * 3600, Secure: true, SameSite: http.SameSiteStrictMode,
		})
	} else {
		lang = Language(r)
	}
	w.Header().Set("Vary", "Accept-Language, Cookie")
	w.Header().Set("Content-Language", lang)
	serve(w, r, s.pages[look{lang, scheme(r)}][r.URL.Path], "no-cache")
}

// scheme is the colour scheme that was chosen in the console, or "auto", which follows the system.
func scheme(r *http.Request) string {
	if c, err := r.Cookie(schemeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return "auto"
}

// Language is the one that was chosen, or that the browser prefers: "en" or "zh".
func Language(r *http.Request) string {
	if c, err := r.Cookie(langCookie); err == nil && (c.Value == "en" || c.Value == "zh") {
		return c.Value
	}
	// A header that can't be read leaves no tags, and then English matches.
	tags, _, _ := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	tag, _, _ := language.NewMatcher([]language.Tag{language.English, language.Chinese}).Match(tags...)
	if base, _ := tag.Base(); base.String() == "zh" {
		return "zh"
	}
	return "en"
}

// asset serves a file whose address changes with its content, so it can be kept for ever.
func (s *Site) asset(w http.ResponseWriter, r *http.Request) {
	a, ok := s.assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	serve(w, r, a, "public, max-age=31536000, immutable")
}

func serve(w http.ResponseWriter, r *http.Request, a asset, cache string) {
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", cache)
	h.Set("ETag", a.tag)
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Header.Get("If-None-Match") == a.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	// A browser that went away is no error of ours.
	_, _ = w.Write(a.body)
}
