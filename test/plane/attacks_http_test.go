//go:build e2e

package plane

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// hostileBody makes a new body for each method that it is sent to.
type hostileBody struct {
	body   func() io.Reader
	header map[string]string
}

func text(s string) func() io.Reader { return func() io.Reader { return strings.NewReader(s) } }

// nested is a document of a depth, in the one place where a request may have any.
func nested(depth int, open, end string) string {
	return `{"document":{"a":` + strings.Repeat(open, depth) + "1" + strings.Repeat(end, depth) + "}}"
}

func hostileBodies(t *testing.T, s *lab.Server, secret string) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.Copy(z, io.LimitReader(zeros{}, 64<<20))
	z.Close()
	for name, c := range map[string]hostileBody{
		"oversized": {body: func() io.Reader {
			return io.MultiReader(strings.NewReader(`{"tenant":{"name":"`), io.LimitReader(letters{}, 16<<20), strings.NewReader(`"}}`))
		}},
		"bomb":            {body: text(zipped.String()), header: map[string]string{"Content-Encoding": "gzip"}},
		"nested object":   {body: text(nested(100_000, `{"a":`, "}"))},
		"nested array":    {body: text(nested(200_000, "[", "]"))},
		"no JSON":         {body: text("\xff\xfe\x00")},
		"unknown field":   {body: text(`{"tenant":{"id":"x"},"admin":true}`)},
		"wrong type":      {body: text(`{"tenant":7,"document":7}`)},
		"trailing value":  {body: text(`{"tenant":{"id":"x"}}{"tenant":{"id":"y"}}`)},
		"a form":          {body: text("tenant=x"), header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
		"a text":          {body: text(`{"tenant":{"id":"x"}}`), header: map[string]string{"Content-Type": "text/plain"}},
		"repeated field":  {body: text(`{"tenant":{"id":"x"},"tenant":{"id":"y"}}`)},
		"broken encoding": {body: text("not gzip"), header: map[string]string{"Content-Encoding": "gzip"}},
	} {
		for _, method := range []string{"TenantService/CreateTenant", "AssessmentService/PublishAssessment"} {
			status, body := sendHostile(t, s, secret, method, c)
			if status != 0 && (status < 400 || status >= 500) {
				t.Errorf("%s to %s: %d %s", name, method, status, tail(body, 200))
			}
		}
	}
	// Both are no assessments, and only one is too deep.
	for depth, deep := range map[int]bool{5: false, 200: true} {
		for _, form := range [][2]string{{`{"a":`, "}"}, {"[", "]"}} {
			status, body := sendHostile(t, s, secret, "AssessmentService/PublishAssessment", hostileBody{body: text(nested(depth, form[0], form[1]))})
			if status < 400 || status >= 500 || strings.Contains(body, "nested too deeply") != deep {
				t.Errorf("a document of depth %d: %d %s", depth, status, tail(body, 200))
			}
		}
	}
}

// sendHostile gives the status 0 where the server hung up.
func sendHostile(t *testing.T, s *lab.Server, secret, method string, c hostileBody) (int, string) {
	t.Helper()
	req := request(t, s, http.MethodPost, "/bulkhead.v1."+method, c.body())
	req.Header.Set("Authorization", "Bearer "+secret)
	for k, v := range c.header {
		req.Header.Set(k, v)
	}
	client := s.Client()
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, string(b)
}

type (
	zeros   struct{}
	letters struct{}
)

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

// hostileHeaders sends requests byte by byte, signed in, so that each could be answered.
func hostileHeaders(t *testing.T, admin *person) {
	const agent = `probe/1.0 (%0d%0aSet-Cookie: x=y) "<script>" {{.}}`
	for i, c := range []struct {
		name, header string
		status       string // what the answer begins with; empty for any, "no" for any but 200
	}{
		{"nothing is wrong", "Idempotency-Key: plain\r\n", "200"},
		{"the same again", "Idempotency-Key: plain\r\n", "200"},
		{"line feed", "Idempotency-Key: a\nSet-Cookie: x=y\r\n", ""},
		{"folded line", "Idempotency-Key: b\r\n Set-Cookie: x=y\r\n", ""},
		{"carriage return", "Idempotency-Key: a\rSet-Cookie: x=y\r\n", "400"},
		{"zero byte", "Idempotency-Key: a\x00x=y\r\n", "400"},
		{"control letter", "Idempotency-Key: a\tx=y\r\n", "400"},
		{"two keys", "Idempotency-Key: a\r\nIdempotency-Key: x=y\r\n", "400"},
		{"long key", "Idempotency-Key: x=y" + strings.Repeat("a", 200) + "\r\n", "400"},
		{"space before the colon", "Idempotency-Key : x=y\r\n", "400"},
		{"two lengths", "Content-Length: 3\r\n", "400"},
		{"length and chunks", "Transfer-Encoding: chunked\r\n", "no"},
		{"request id", "X-Request-Id: x=y\r\nTraceparent: x=y\r\nX-Forwarded-For: x=y\r\nForwarded: host=x=y\r\n", "200"},
		{"two hosts", "Host: x=y\r\n", "400"},
		{"megabytes", "X-Filler: " + strings.Repeat("a", 2<<20) + "\r\n", "431"},
	} {
		body := fmt.Sprintf(`{"group":{"name":"headers-%d"}}`+"\n", max(i, 1)) // the second is a repetition of the first
		answer := rawRequest(t, admin, "User-Agent: "+agent+"\r\n"+c.header, body)
		fits := strings.HasPrefix(answer, "HTTP/1.1 "+c.status)
		if c.status == "no" {
			fits = !strings.HasPrefix(answer, "HTTP/1.1 200")
		}
		if !fits && answer != "" {
			t.Errorf("%s was answered with %s", c.name, tail(answer, 300))
		}
		if c.status == "200" && answer == "" {
			t.Errorf("%s was not answered", c.name)
		}
		if strings.Contains(answer, "x=y") || strings.Contains(strings.ToLower(answer), "set-cookie") {
			t.Errorf("%s comes back: %s", c.name, tail(answer, 300))
		}
	}
	kept := 0
	for _, r := range admin.records("GroupCreate") {
		if r.Event.Request.Agent == agent {
			kept++
		} else if strings.Contains(r.Event.Request.Agent, "x=y") {
			t.Errorf("the record says %q", r.Event.Request.Agent)
		}
	}
	if kept < 3 {
		t.Errorf("the agent is in %d records as it was sent", kept)
	}
}

// rawRequest makes a group over a connection of its own and gives all that comes back.
func rawRequest(t *testing.T, p *person, header, body string) string {
	t.Helper()
	address := strings.TrimPrefix(p.server.URL, "https://")
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: p.server.CA, MinVersion: tls.VersionTLS13, ServerName: "localhost", NextProtos: []string{"http/1.1"}}}).
		DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	// A server that has read enough may hang up before all is written.
	_, _ = fmt.Fprintf(conn, "POST /bulkhead.v1.GroupService/CreateGroup HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"+
		"Authorization: Bearer %s\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n%s", address, p.secret(), len(body), header, body)
	b, _ := io.ReadAll(io.LimitReader(conn, 1<<20))
	return string(b)
}
