package daemon

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// upgraded sends a call that asks for h2c, and gives the answer's status with the connection.
func upgraded(t *testing.T, address, path, headers string) (int, net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"+headers+"\r\n"); err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(c)
	res, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, c, from
}

const aSession = "X-Docker-Expose-Session-Uuid: s1\r\nX-Docker-Expose-Session-Sharedkey: k\r\nX-Docker-Expose-Session-Grpc-Method: /a/B\r\nX-Docker-Expose-Session-Grpc-Method: /a/C\r\nX-Other: x\r\n"

// A session is carried with what the engine may know of it; a second one of that name is refused, and so is a build that names none of one's own.
func TestSession(t *testing.T) {
	got := make(chan http.Header, 1)
	s := door(t, everything, func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		c, in, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
		_, _ = io.Copy(io.Discard, in)
	})
	address := s.Listener.Addr().String()
	status, _, from := upgraded(t, address, "/v1.41/session", aSession)
	if status != http.StatusSwitchingProtocols {
		t.Fatal(status)
	}
	h := <-got
	if key := h.Get("X-Docker-Expose-Session-Sharedkey"); key == "k" || key == "" || len(h.Values("X-Docker-Expose-Session-Grpc-Method")) != 2 || h.Get("X-Other") != "" {
		t.Errorf("the engine got %v", h)
	}
	const preface = "PRI * HTTP/2.0\r\n" // the guard's own: it ends HTTP/2
	text := make([]byte, len(preface))
	if _, err := io.ReadFull(from, text); err != nil || string(text) != preface {
		t.Errorf("%q %v", text, err)
	}
	if status, _, _ := upgraded(t, address, "/session", aSession); status != http.StatusConflict {
		t.Errorf("two sessions of one name: %d", status)
	}
	if status, told := send(t, s, "POST", "/build?version=2&session=nobodys&remote=client-session", "application/x-tar", ""); status != http.StatusForbidden || !strings.Contains(told, "nobody opened it") {
		t.Errorf("%d %s", status, told)
	}
	if status, told := send(t, s, "POST", "/build?version=2&remote=client-session", "application/x-tar", ""); status != http.StatusForbidden || !strings.Contains(told, "it names none") {
		t.Errorf("a build from no session: %d %s", status, told)
	}
}

// Who may have no session, or none of the builder's calls, is told by what comes after, and the engine hears of neither.
func TestRefusedAfterUpgrade(t *testing.T) {
	no := func(*call.Ask) error { return &call.Refusal{Why: "no"} }
	s := door(t, no, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("the engine got %s %s", r.Method, r.RequestURI) })
	address := s.Listener.Addr().String()
	_, c, from := upgraded(t, address, "/session", aSession)
	if err := c.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if b, err := from.ReadByte(); err == nil {
		t.Errorf("somebody speaks on a session that was refused: %q", b)
	}
	_, c, from = upgraded(t, address, "/grpc", "")
	if _, err := io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
		t.Fatal(err)
	}
	settings := make([]byte, 9)
	if _, err := io.ReadFull(from, settings); err != nil || settings[3] != 4 {
		t.Errorf("nobody answers: %v %v", settings, err)
	}
	if status, _ := send(t, s, "POST", "/grpc", "", ""); status != http.StatusBadRequest {
		t.Errorf("without an upgrade: %d", status)
	}
	broken := door(t, func(*call.Ask) error { return errors.New("the log is full") }, func(http.ResponseWriter, *http.Request) {})
	if status, _, _ := upgraded(t, broken.Listener.Addr().String(), "/grpc", ""); status == http.StatusSwitchingProtocols {
		t.Error("a door that can't decide goes on")
	}
}

// A build by the engine's own API names images by its tags only, whatever the policy says.
func TestOutputs(t *testing.T) {
	s := door(t, everything, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	for text, want := range map[string]int{
		"":                 http.StatusOK,
		`[]`:               http.StatusOK,
		`[{"Type":"tar"}]`: http.StatusOK,
		`[{"Type":"local","Attrs":{"dest":"x"}}]`:                        http.StatusOK,
		`[{"Type":"cacheonly"}]`:                                         http.StatusOK,
		`[{"Type":"moby","Attrs":{"name":"victim/app:latest"}}]`:         http.StatusForbidden,
		`[{"type":"image","attrs":{"name":"victim/app","push":"true"}}]`: http.StatusForbidden,
		`[{"Type":"tar"},{"Type":"tar","TYPE":"moby"}]`:                  http.StatusForbidden,
		`{"Type":"moby"}`: http.StatusForbidden,
	} {
		q := url.Values{"version": {"2"}, "remote": {"https://h.test/x"}, "outputs": {text}}
		if status, told := send(t, s, "POST", "/build?"+q.Encode(), "application/x-tar", ""); status != want {
			t.Errorf("%s: %d %s", text, status, told)
		}
	}
}

// What reads a build's file is asked about, also where the engine's own API begins the build, and so is a Dockerfile in the body of the call.
func TestBuildByKit(t *testing.T) {
	var asks []*call.Ask
	judge := func(a *call.Ask) error {
		asks = append(asks, a)
		if s, ok := a.Body.(*call.Solve); ok && len(s.Fetches) > 0 {
			return &call.Refusal{Why: "no addresses", Rule: "r/remote", Record: "r1"}
		}
		return nil
	}
	got := ""
	s := door(t, judge, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got = string(text)
		w.WriteHeader(http.StatusOK)
	})
	q := url.Values{"version": {"2"}, "buildargs": {`{"B":"base:1"}`}, "dockerfile": {"sub/F"}}
	for text, want := range map[string]int{"ARG B\nFROM $B": http.StatusOK, "FROM a\nADD http://h.test/x /": http.StatusForbidden} {
		asks, got = nil, ""
		context := archive(t, map[string]string{"sub/F": text})
		status, told := send(t, s, "POST", "/build?"+q.Encode(), "application/x-tar", context)
		if status != want || (got == context) != (want == http.StatusOK) {
			t.Errorf("%q: %d %s; the engine got %d bytes", text, status, told, len(got))
		}
		if want != http.StatusOK {
			if !strings.Contains(told, "r/remote") || !strings.Contains(told, "r1") {
				t.Error(told)
			}
			continue
		}
		if k, ok := asks[0].Body.(*call.Solve); !ok || len(k.Bases) != 1 || k.Bases[0].Name != "base:1" {
			t.Errorf("%+v", asks[0].Body)
		}
	}
	if status, told := send(t, s, "POST", "/build?version=2", "application/x-tar", "no archive at all"); status != http.StatusBadRequest {
		t.Errorf("%d %s", status, told)
	}
	if status, told := send(t, s, "POST", "/build?version=2&remote=client-session&buildargs=x", "application/x-tar", ""); status == http.StatusOK {
		t.Errorf("%d %s", status, told)
	}
}

// The program that BUILDKIT_SYNTAX names is an image that is used.
func TestSyntaxOfKit(t *testing.T) {
	used := completes{}
	d := New(Parts{Judge: judge(everything), Who: root{}, Objects: &used})
	q := route.Query{Texts: map[string]string{"buildargs": `{"BUILDKIT_SYNTAX":" evil/f:1 x"}`}}
	asks, err := asksKit(&q)
	if err != nil {
		t.Fatal(err)
	}
	a := &call.Ask{Subject: &call.Subject{}}
	r := httptest.NewRequest(http.MethodPost, "/build", nil)
	if err := d.frontends(r, a, asks); err != nil || len(a.Uses) != 1 || a.Uses[0].Object.Name != "evil/f:1" || a.Uses[0].Action != "ImageRun" {
		t.Errorf("%v %+v", err, a.Uses)
	}
}

// What can't be told of a build by the engine's own API is refused whoever asks.
func TestUnknownOfKit(t *testing.T) {
	for _, q := range []map[string]string{
		{"dockerfile": "l/../Dockerfile"}, {"dockerfile": "../Dockerfile"}, {"buildargs": `{"BUILDKIT_SYNTAX":""}`}, {"buildargs": `{"BUILDKIT_ATTEST_SBOM":"generator="}`},
	} {
		if asks, err := asksKit(&route.Query{Texts: q}); err == nil {
			t.Errorf("%v: %+v", q, asks)
		}
	}
	for _, q := range []map[string]string{{}, {"dockerfile": "sub/Dockerfile", "target": "x", "platform": "linux/arm64"}, {"dockerfile": "."}, {"buildargs": `{"A":"b","C":null}`}} {
		if _, err := asksKit(&route.Query{Texts: q}); err != nil {
			t.Errorf("%v: %v", q, err)
		}
	}
}

// The program that describes what is built is an image that is used, also where nobody named it.
func TestAttestOfKit(t *testing.T) {
	d := New(Parts{Judge: judge(everything), Who: root{}, Objects: &completes{}})
	for args, want := range map[string]string{
		`{"BUILDKIT_ATTEST_SBOM":"generator=victim/secret"}`: "victim/secret",
		`{"BUILDKIT_ATTEST_Sbom":""}`:                        call.DefaultGenerator,
	} {
		asks, err := asksKit(&route.Query{Texts: map[string]string{"buildargs": args}})
		if err != nil {
			t.Fatal(err)
		}
		a := &call.Ask{Subject: &call.Subject{}}
		if err := d.frontends(httptest.NewRequest(http.MethodPost, "/build", nil), a, asks); err != nil || len(a.Uses) != 1 || a.Uses[0].Object.Name != want || a.Uses[0].Action != "ImageRun" {
			t.Errorf("%s: %v %+v", args, err, a.Uses)
		}
	}
}

// What a classic build begins with is a fact of its decision.
func TestBasesOfClassic(t *testing.T) {
	var bases []string
	j := judge(func(a *call.Ask) error { bases = a.Bases; return &call.Refusal{Why: "no"} })
	d := New(Parts{Engine: before(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }), Judge: notWhole{j}, Who: root{}, Objects: &completes{}})
	s := httptest.NewServer(d)
	defer s.Close()
	text := archive(t, map[string]string{"Dockerfile": "FROM a:1 AS b\nFROM b\nFROM scratch\nCOPY --from=c:1 / /\n"})
	if status, told := send(t, s, "POST", "/build", "application/x-tar", text); status != http.StatusForbidden || len(bases) != 1 || bases[0] != "a:1" {
		t.Errorf("%d %s %q", status, told, bases)
	}
}

// notWhole sees what is its own.
type notWhole struct{ judge }

func (notWhole) Whole(context.Context, *call.Ask) bool { return false }

// completes takes every image for one that is there.
type completes struct{ Objects }

func (*completes) Complete(_ context.Context, a *call.Ask) error {
	if s, ok := a.Body.(*call.Solve); ok && a.Call.Route.Action == "BuildSolve" {
		for _, n := range s.Images {
			a.Uses = append(a.Uses, call.Use{Object: call.Object{Kind: route.Image, Name: n.Name}, Action: "ImageRun", Field: n.Field})
		}
	}
	return nil
}

func (*completes) Object(_ context.Context, kind route.Object, name string) (*call.Object, error) {
	return &call.Object{Kind: kind, Name: name, ID: "sha256:" + strings.Repeat("a", 64)}, nil
}

func archive(t *testing.T, files map[string]string) string {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A build of the engine's own API says by a parameter that its images are pulled anew.
func TestPullsAnew(t *testing.T) {
	for _, pull := range []bool{false, true} {
		asks, err := asksKit(&route.Query{Bools: map[string]bool{"pull": pull}})
		if err != nil || asks.File == nil || asks.File.Pull != pull {
			t.Errorf("%v: %+v %v", pull, asks, err)
		}
	}
}
