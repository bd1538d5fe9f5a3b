package console

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// assets is where the files are whose names change with their content.
const assets = "/assets/"

// file is a file as it is served.
type file struct {
	plain   []byte
	packed  map[string][]byte // by content coding
	kind    string
	tag     string
	forever bool
}

// codings are the ways of packing by the ending that the build gives them, the best first.
var codings = []struct{ coding, ending string }{{"br", ".br"}, {"gzip", ".gz"}}

// readFiles reads what was built.
func readFiles(dist fs.FS) (map[string]file, error) {
	files := map[string]file{}
	packed := map[string]map[string][]byte{}
	err := fs.WalkDir(dist, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		b, err := fs.ReadFile(dist, p)
		if err != nil {
			return err
		}
		at := "/" + p
		for _, c := range codings {
			if name, ok := strings.CutSuffix(at, c.ending); ok {
				if packed[name] == nil {
					packed[name] = map[string][]byte{}
				}
				packed[name][c.coding] = b
				return nil
			}
		}
		sum := sha256.Sum256(b)
		files[at] = file{plain: b, kind: kindOf(at), tag: hex.EncodeToString(sum[:16]), forever: strings.HasPrefix(at, assets)}
		return nil
	})
	for name, p := range packed {
		if f, ok := files[name]; ok {
			f.packed = p
			files[name] = f
		}
	}
	return files, err
}

// kindOf does not ask the machine, whose tables differ.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	}
	if kind := mime.TypeByExtension(path.Ext(name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache")
	if f.forever {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body, tag := f.plain, f.tag
	if len(f.packed) > 0 {
		h.Set("Vary", "Accept-Encoding")
		if coding := f.coding(r.Header.Get("Accept-Encoding")); coding != "" {
			h.Set("Content-Encoding", coding)
			body, tag = f.packed[coding], tag+"-"+coding
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	if r.Header.Get("If-None-Match") == `"`+tag+`"` {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	// A browser that went away is no error of ours.
	_, _ = w.Write(body)
}

// coding picks the best packing that the browser takes.
func (f *file) coding(accept string) string {
	takes := map[string]bool{}
	for part := range strings.SplitSeq(accept, ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		weight, err := strconv.ParseFloat(strings.TrimPrefix(strings.ReplaceAll(q, " ", ""), "q="), 64)
		takes[strings.ToLower(strings.TrimSpace(name))] = q == "" || err == nil && weight > 0
	}
	for _, c := range codings {
		if takes[c.coding] && f.packed[c.coding] != nil {
			return c.coding
		}
	}
	return ""
}
