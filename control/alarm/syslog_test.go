package alarm

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/bulkhead-security/bulkhead/model"
)

// listen takes one connection after the other.
func listen(t *testing.T, serve func(net.Conn)) (addr, ca string) {
	t.Helper()
	s, ca := authority(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: s.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
			c.Close()
		}
	}()
	return l.Addr().String(), ca
}

func TestSyslog(t *testing.T) {
	got := make(chan *rfc5424.SyslogMessage, 10)
	addr, ca := listen(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		for {
			size, err := in.ReadString(' ')
			if err != nil {
				return
			}
			n, err := strconv.Atoi(strings.TrimSpace(size))
			if err != nil {
				t.Errorf("framing: %q", size)
				return
			}
			text := make([]byte, n)
			if _, err := io.ReadFull(in, text); err != nil {
				t.Error(err)
				return
			}
			m, err := rfc5424.NewParser().Parse(text)
			if err != nil {
				t.Errorf("%v in %s", err, text)
				return
			}
			got <- m.(*rfc5424.SyslogMessage)
		}
	})
	s := sender(t, Config{Name: "siem", Kind: "syslog", To: addr, CAFile: ca}, Config{Name: "untrusted", Kind: "syslog", To: addr})
	list := []model.Event{event("e1", "high"), event("e2", "critical"), event("e3", "info")}
	list[1].Kind = "a kind with spaces and more than thirty-two characters"
	if err := s.Send(t.Context(), "siem", list); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		severity uint8
		id       string
	}{{3, "silent"}, {2, "a_kind_with_spaces_and_more_than"}, {6, "silent"}} {
		m := <-got
		var e Event
		if err := json.Unmarshal([]byte(*m.Message), &e); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(Of(list[i]), e); d != "" {
			t.Error(d)
		}
		if *m.Facility != 14 || *m.Severity != want.severity || *m.MsgID != want.id || *m.Hostname != "replica-1" || *m.Appname != "bulkhead" || !m.Timestamp.Equal(e.Time) {
			t.Errorf("%d: %+v", i, m)
		}
	}
	if err := s.Send(t.Context(), "untrusted", list); err == nil {
		t.Error("sent to somebody who is not trusted")
	}
}

// A receiver that is killed with unread messages in its buffer has not taken them.
func TestSyslogThatBreaksOff(t *testing.T) {
	addr, ca := listen(t, func(c net.Conn) {
		if err := c.(*tls.Conn).Handshake(); err != nil {
			return
		}
		b := make([]byte, 10)
		_, _ = c.Read(b)
		_ = c.(*tls.Conn).NetConn().(*net.TCPConn).SetLinger(0)
		_ = c.(*tls.Conn).NetConn().Close()
	})
	s := sender(t, Config{Name: "siem", Kind: "syslog", To: addr, CAFile: ca})
	var list []model.Event
	for range 50 {
		list = append(list, event("e", "high"))
	}
	if err := s.Send(t.Context(), "siem", list); err == nil {
		t.Error("a reset was an acknowledgement")
	}
}
