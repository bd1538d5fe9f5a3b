package pages

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/skip2/go-qrcode"
)

// maxURI bounds an otpauth:// address.
const maxURI = 600

// qr draws the otpauth:// address of the body as SVG. The address is in the body, so that it is in no log, and the answer
// is not kept by anybody.
func qr(w http.ResponseWriter, r *http.Request) {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		http.Error(w, "only the pages ask for this", http.StatusForbidden)
		return
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, maxURI+1))
	if err != nil || len(b) > maxURI || !strings.HasPrefix(string(b), "otpauth://totp/") {
		http.Error(w, "the body must be an otpauth://totp/ address of at most 600 bytes", http.StatusBadRequest)
		return
	}
	q, err := qrcode.New(string(b), qrcode.Low)
	if err != nil {
		http.Error(w, "the address does not fit into a QR code", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(svg(q.Bitmap())) // a browser that went away is no error of ours
}

// svg draws each dark module as a square of a path.
func svg(modules [][]bool) []byte {
	var b bytes.Buffer
	n := len(modules)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path fill="#000" d="`, n, n, n, n)
	for y, row := range modules {
		for x, dark := range row {
			if dark {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x, y)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.Bytes()
}
