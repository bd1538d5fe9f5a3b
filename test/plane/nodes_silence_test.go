//go:build e2e

package plane

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// detection is how soon a node that is gone must be known to be (7.6.c).
const detection = 30 * time.Second

// syslogReceiver takes what comes over TLS, with the certificate of a test's web server.
type syslogReceiver struct {
	at string
	mu sync.Mutex
	b  bytes.Buffer
}

func startSyslog(t *testing.T, conf *tls.Config) *syslogReceiver {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: conf.Certificates, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r := &syslogReceiver{at: l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go r.read(conn)
		}
	}()
	return r
}

func (r *syslogReceiver) read(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewReader(conn)
	for {
		b, err := lines.ReadBytes('}')
		r.mu.Lock()
		r.b.Write(b)
		r.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (r *syslogReceiver) has(parts ...string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return hasAll(r.b.String(), parts...)
}

func hasAll(s string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

// told says whether one of the webhook's bodies has all parts.
func (r *receivers) told(parts ...string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.hook {
		if hasAll(b, parts...) {
			return true
		}
	}
	return false
}

// TestSilentNode kills one agent and freezes another, and looks when that is known, why it is said to be, and who is told.
func TestSilentNode(t *testing.T) {
	t.Parallel()
	out := startReceivers(t, "the alarms' signing key")
	lines := startSyslog(t, out.server.TLS)
	mails := map[string]*mailbox{"starttls": startMail(t, out.server.TLS, false), "tls": startMail(t, out.server.TLS, true)}
	byMail := ""
	for name, b := range mails {
		byMail += fmt.Sprintf("    - {name: %s, kind: mail, to: %q, ca_file: %q, username: %s, secret_file: %q, from: Bulkhead <alarms@example.com>, recipients: [ops@example.com, sec@example.com], kinds: [silent]}\n",
			name, b.at, caFile(t, out.server), mailUser, writeFile(t, "mail.password", mailPassword+"\n"))
	}
	admin := fleetOf(t, "--config", writeFile(t, "config.yaml", fmt.Sprintf(`server:
  alarms:
    - {name: hook, kind: webhook, to: %q, ca_file: %q, secret_file: %q}
    - {name: lines, kind: syslog, to: %q, ca_file: %q, severity: info}
%s`, out.server.URL+"/hook", caFile(t, out.server), writeFile(t, "hook.key", out.key+"\n"), lines.at, caFile(t, out.server), byMail)))
	killed, frozen := newMachine(t, "killed"), newMachine(t, "frozen")
	frozen.env = []string{"BULKHEAD_AGENT_EVERY=10s"}
	admin.join(killed)
	admin.join(frozen)

	begin := time.Now()
	killed.kill()
	frozen.signal(syscall.SIGSTOP)
	defer func() { _ = frozen.cmd.Process.Signal(syscall.SIGCONT) }()
	silent := func(name string) fleetEvent {
		e := admin.told(detection+soon, name, "silent", "was not heard of")
		if took := e.Time.Sub(begin); took > detection {
			t.Errorf("%s was found silent %s later", name, took)
		} else {
			t.Logf("%s was found silent %s later: %s", name, took.Round(time.Millisecond), e.Text)
		}
		if e.Before != "up" || e.After != "silent" || e.Severity != "high" {
			t.Errorf("the event is %+v", e)
		}
		return e
	}
	first, second := silent("killed"), silent("frozen")
	n := admin.health(soon, "killed", "silent", "process gone")
	admin.health(soon, "frozen", "silent", "")
	if len(n.Losses) == 0 {
		t.Error("nothing says what the silence means")
	}
	eventually(t, "the alarms came", func() bool {
		return out.told(`"silent"`, first.ID, `"killed"`) && out.told(`"silent"`, second.ID) && lines.has("silent", first.ID, second.ID)
	})
	out.mu.Lock()
	if len(out.wrong) > 0 {
		t.Errorf("wrong deliveries: %v", out.wrong)
	}
	out.mu.Unlock()
	for name, b := range mails {
		eventually(t, "the mails came to "+name, func() bool { return len(b.about(first)) > 0 && len(b.about(second)) > 0 })
		b.checkMail(t, name, "killed", first)
		b.checkMail(t, name, "frozen", second)
	}

	back := time.Now()
	frozen.signal(syscall.SIGCONT)
	killed.start()
	for _, m := range []*machine{killed, frozen} {
		admin.health(time.Minute, m.name, "up", "")
		admin.told(soon, m.name, "back", "silent")
		admin.within(time.Minute, m.name+" has sent its facts again", func() error {
			if n := admin.node(m.name); n.FactsReceived.Before(back) {
				return fmt.Errorf("they are of %s", n.FactsReceived)
			}
			return nil
		})
	}
	eventually(t, "syslog has that they are back", func() bool { return lines.has(`"back"`) })
}

// TestServerAway kills the server, and the agent meanwhile, which starts again with what it has on its disk, finds something wrong
// there, and tells it once the server is back.
func TestServerAway(t *testing.T) {
	t.Parallel()
	r := newReplica(t, "home")
	admin := fleetOn(t, r.Server)
	m := newMachine(t, "web-1")
	admin.join(m)
	admin.must("pools", "update", "default", "--tenant", "acme", "--collect-every", "15s")
	admin.within(soon, "all documents in force", func() error {
		if s := m.status(); s.Policies == 0 || s.Settings == 0 || s.Assignment == 0 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	before := m.status()

	r.Server.Kill()
	r.Server = nil
	admin.within(time.Minute, "the agent knows that the server is gone", func() error {
		if s := m.status(); s.Connected || s.Error == "" {
			return errors.New("it says that it is connected")
		}
		return nil
	})
	m.kill()
	spoil(t, m.dir+"/documents/settings.json")
	for range 2 { // what was found outlives the process
		m.start()
		admin.within(time.Minute, "the agent goes on", func() error {
			s := m.status()
			if !s.Running || s.PID != m.cmd.Process.Pid || s.LastCollect.Before(s.Started.Truncate(time.Second)) {
				return fmt.Errorf("%+v", s)
			}
			if s.Connected || s.Policies != before.Policies || s.Assignment != before.Assignment || s.Settings != 0 || s.Refused["settings"] == "" {
				t.Fatalf("without the server the agent is at %+v; before it was at %+v", s, before)
			}
			return nil
		})
		m.kill()
	}
	contains(t, "agent status", m.run("status").stdout, "refused", "not signed by this control plane")
	m.start()

	r.start()
	admin.server = r.Server
	admin.health(time.Minute, "web-1", "up", "")
	admin.within(time.Minute, "what was found meanwhile is told, and over", func() error {
		found := admin.findings("web-1", "node/bundle-refused")
		if len(found) != 1 || found[0].Over.IsZero() || found[0].Subject != "settings" {
			return fmt.Errorf("%+v", found)
		}
		return nil
	})
	admin.within(time.Minute, "with the server back as before", func() error {
		if s := m.status(); s.Settings != before.Settings || len(s.Refused) > 0 || !s.Connected {
			return fmt.Errorf("it is at %+v; before it was at %+v", s, before)
		}
		return nil
	})
	if told := admin.events("web-1", "finding"); len(told) != 1 {
		t.Errorf("what was found was told %d times: %+v", len(told), told)
	}
}

// spoil changes a document in a file of the agent's without breaking its form.
func spoil(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(b, []byte(`"version":`), []byte(`"version":1`), 1)
	if bytes.Equal(b, changed) {
		t.Fatalf("%s has no version", path)
	}
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
}
