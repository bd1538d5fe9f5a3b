// Package console serves the web console: the React application of console/, as `make build` left it in dist.
//
// It is files and nothing else: whatever the console shows it asks the API for, as any other client. Files with a hash in their
// name are kept by browsers for ever; every other address that a person can open is the same page, which gets a fresh nonce for
// the styles that the application makes. A binary that was built without the console says so, and how to build it.
package console

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed all:dist
var built embed.FS

// Names of the cookie with the colour scheme, and what stands for what is put into the page.
const (
	schemeCookie = "bulkhead-scheme"
	markNonce    = "%NONCE%"
	markLang     = "%LANG%"
	markScheme   = "%SCHEME%"
)

// Options are what the page depends on.
type Options struct {
	// Language gives the language of a request, "en" or "zh".
	Language func(*http.Request) string
}

// Handler serves the console at every path that nothing else has.
func Handler(o Options) (http.Handler, error) {
	dist, err := fs.Sub(built, "dist")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return newSite(dist, o)
}

// site is all that is served. It does not change.
type site struct {
	o     Options
	files map[string]file // by path, without what is packed
	page  []byte          // nil where the console was not built
}

func newSite(dist fs.FS, o Options) (*site, error) {
	s := &site{o: o}
	var err error
	if s.files, err = readFiles(dist); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	if page, ok := s.files["/index.html"]; ok {
		s.page = page.plain
		delete(s.files, "/index.html")
		for _, mark := range []string{markNonce, markLang, markScheme} {
			if !bytes.Contains(s.page, []byte(mark)) {
				return nil, errors.New("console: index.html has no " + mark)
			}
		}
	}
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.NotFound(w, r)
		return
	}
	if f, ok := s.files[r.URL.Path]; ok {
		f.serve(w, r)
		return
	}
	// A file that is missing is an error; only what a person opens is a page of the application.
	if strings.HasPrefix(r.URL.Path, assets) || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.NotFound(w, r)
		return
	}
	lang := s.o.Language(r)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", lang)
	w.Header().Set("Vary", "Accept, Accept-Language, Cookie")
	if s.page == nil {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(notBuilt[lang]))
		return
	}
	s.index(w, r, lang)
}

// index is the one page. Its nonce lets in the styles that the application makes while it runs, and no scripts.
func (s *site) index(w http.ResponseWriter, r *http.Request, lang string) {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	nonce := base64.RawURLEncoding.EncodeToString(b[:])
	w.Header().Set("Content-Security-Policy", policy(nonce))
	w.Header().Set("Cache-Control", "no-store") // the nonce is good once
	scheme := "auto"
	if c, err := r.Cookie(schemeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		scheme = c.Value
	}
	fill := strings.NewReplacer(markNonce, nonce, markLang, lang, markScheme, scheme)
	// A browser that went away is no error of ours.
	_, _ = fill.WriteString(w, string(s.page))
}

// policy is what the console works under: own files only, no inline script; inline styles with the nonce only.
func policy(nonce string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-" + nonce + "'; connect-src 'self'; img-src 'self' data:; " +
		"font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}
