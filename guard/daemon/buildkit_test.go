package daemon

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/call"
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
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nPRI")
		_, _ = io.Copy(c, in)
	})
	address := s.Listener.Addr().String()
	status, c, from := upgraded(t, address, "/v1.41/session", aSession)
	if status != http.StatusSwitchingProtocols {
		t.Fatal(status)
	}
	h := <-got
	if key := h.Get("X-Docker-Expose-Session-Sharedkey"); key == "k" || key == "" || len(h.Values("X-Docker-Expose-Session-Grpc-Method")) != 2 || h.Get("X-Other") != "" {
		t.Errorf("the engine got %v", h)
	}
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, len("PRIhello"))
	if _, err := io.ReadFull(from, text); err != nil || string(text) != "PRIhello" {
		t.Errorf("%q %v", text, err)
	}
	if status, _, _ := upgraded(t, address, "/session", aSession); status != http.StatusConflict {
		t.Errorf("two sessions of one name: %d", status)
	}
	if status, told := send(t, s, "POST", "/build?version=2&session=nobodys&remote=client-session", "application/x-tar", ""); status != http.StatusForbidden || !strings.Contains(told, "nobody opened it") {
		t.Errorf("%d %s", status, told)
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
		q := url.Values{"version": {"2"}, "outputs": {text}}
		if status, told := send(t, s, "POST", "/build?"+q.Encode(), "application/x-tar", ""); status != want {
			t.Errorf("%s: %d %s", text, status, told)
		}
	}
}
