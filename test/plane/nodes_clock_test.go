//go:build e2e

package plane

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/bulkhead-security/bulkhead/agent/uplink"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// programs is a directory for what is built for several tests.
var programs string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "bulkhead-programs-")
	if err != nil {
		panic(err)
	}
	programs = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// withClock builds the program with a clock that tests set.
var withClock = sync.OnceValues(func() (string, error) {
	bin := filepath.Join(programs, "bulkhead")
	out, err := exec.Command("go", "build", "-tags", "fakeclock", "-o", bin, "../../cmd/bulkhead").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build with a clock that can be set: %w: %s", err, out)
	}
	return bin, nil
})

// clocked is a machine whose agent's clock is off by as much as is said.
func clocked(t *testing.T, name string) (m *machine, set func(off string)) {
	t.Helper()
	bin, err := withClock()
	if err != nil {
		t.Fatal(err)
	}
	m = newMachine(t, name)
	file := writeFile(t, "clock", "0s")
	m.bin, m.env = bin, []string{"FAKE_CLOCK=" + file, "BULKHEAD_AGENT_EVERY=10s"}
	return m, func(off string) {
		t.Helper()
		next := file + ".new" // the agent must never read half of it
		if err := errors.Join(os.WriteFile(next, []byte(off), 0o600), os.Rename(next, file)); err != nil {
			t.Fatal(err)
		}
	}
}

const year = "8760h0m0s"

// TestNodeClock sets the clock of a running agent a year ahead, then that of one that starts, and then right again.
func TestNodeClock(t *testing.T) {
	t.Parallel()
	admin := fleetOf(t)
	m, set := clocked(t, "web-1")
	admin.join(m)

	set(year)
	admin.told(time.Minute, "web-1", "clock", "its reports are refused until it is set")
	admin.recorded("NodeReport", "refused", "the node's clock says")
	admin.within(time.Minute, "agent status says what is wrong", func() error {
		if s := m.status(); !strings.Contains(s.Error, "clock") {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	m.kill()
	m.start()
	admin.within(time.Minute, "the agent does not talk to a server whose certificate has ended", func() error {
		if s := m.status(); s.PID != m.cmd.Process.Pid || s.Connected || !strings.Contains(s.Error, "is not valid at this machine's time") {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if r := m.run("doctor"); r.code != 2 || !strings.Contains(r.stdout, "MISSING  server") || !strings.Contains(r.stdout, "timedatectl") {
		t.Errorf("the doctor ended with %d:\n%s", r.code, r.stdout)
	}
	if s := m.status(); s.Policies == 0 || s.Assignment == 0 {
		t.Errorf("with a wrong clock it works with no documents: %+v", s)
	}

	set("0s")
	right := time.Now()
	admin.health(time.Minute, "web-1", "up", "")
	admin.within(time.Minute, "what was found with the wrong clock is told, of today, and over", func() error {
		found := admin.findings("web-1", "node/clock-skew")
		if len(found) != 1 || found[0].Over.IsZero() || found[0].Over.After(time.Now().Add(time.Minute)) {
			return fmt.Errorf("%+v", found)
		}
		return nil
	})
	admin.within(time.Minute, "facts come again", func() error {
		if n := admin.node("web-1"); n.FactsReceived.Before(right) {
			return fmt.Errorf("they are of %s", n.FactsReceived)
		}
		return nil
	})
	admin.within(time.Minute, "well with the clock right again", func() error {
		if s := m.status(); !s.Connected || s.Error != "" || s.ClockSkew != "" {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

// shortLived is the configuration of a server whose nodes' certificates last as short as may be.
func shortLived(t *testing.T) []string {
	return []string{"--config", writeFile(t, "config.yaml", "server:\n  nodes: {certificate: 10m}\n")}
}

// TestStolenNode copies an agent's directory, has the agent renew its certificate, and starts a second agent with the copy: a stolen
// disk, or a machine that was restored from an old one.
func TestStolenNode(t *testing.T) {
	t.Parallel()
	admin := fleetOf(t, shortLived(t)...)
	m, set := clocked(t, "web-1")
	first := admin.join(m)
	m.stop()
	thief := m.copied("thief")

	set("8m") // the certificate seems to be near its end
	m.start()
	var second nodeSeen
	admin.within(time.Minute, "a new certificate", func() error {
		if second = admin.node("web-1"); second.Serial == first.Serial {
			return errors.New("it is the first one")
		}
		return nil
	})
	set("0s")
	admin.health(time.Minute, "web-1", "up", "")
	admin.within(time.Minute, "connected with the new certificate", func() error {
		if s := m.status(); !s.Connected || s.Error != "" {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if now := admin.node("web-1"); now.Serial != second.Serial {
		t.Error("a new certificate was renewed at once")
	}
	if told := admin.events("web-1", "reuse"); len(told) > 0 {
		t.Fatalf("a renewal was told as a theft: %+v", told)
	}

	thief.start()
	if e := admin.told(time.Minute, "web-1", "reuse", "old certificate"); e.Before != first.Serial || e.After != second.Serial {
		t.Errorf("told: %+v, after %s and %s", e, first.Serial, second.Serial)
	}
	admin.recorded("Authenticate", "refused", "has a newer certificate than this one (serial "+first.Serial+")")
	admin.within(soon, "the copy knows", func() error {
		if s := thief.status(); s.Connected || !strings.Contains(s.Error, "newer certificate") {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if s := m.status(); !s.Connected || s.Error != "" {
		t.Errorf("the machine itself: %+v", s)
	}
	admin.health(soon, "web-1", "up", "")
}

// TestExpiredCertificate stops an agent until its certificate has ended. It renews it then, which is all that it is still good for.
func TestExpiredCertificate(t *testing.T) {
	t.Parallel()
	m, set := clocked(t, "web-1")
	port, err := lab.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	s, err := lab.Serve(t.Context(), m.bin, filepath.Join(t.TempDir(), "data"), port, m.env[:1], shortLived(t)...) // of the same clock
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		m.kill()
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	admin := fleetOn(t, s)
	first := admin.join(m)
	raw := admin.rawJoin(t, "idle")
	m.stop()
	set("11m")
	_, err = raw.Report(t.Context(), aReport())
	refused(t, "a certificate that has ended", err, connect.CodeUnauthenticated)
	m.start()
	n := admin.health(time.Minute, "web-1", "up", "")
	if n.Serial == first.Serial {
		t.Error("the certificate that has ended is still the node's")
	}
	admin.within(time.Minute, "connected with a new certificate", func() error {
		if s := m.status(); !s.Connected || s.Error != "" || s.CertificateEnds.Before(time.Now().Add(15*time.Minute)) {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if told := admin.events("web-1", "reuse"); len(told) > 0 {
		t.Errorf("a late renewal was told as a theft: %+v", told)
	}
}

// TestRenewUnderLoad renews a certificate again and again while reports go out and the stream is open: the server never sees the old
// certificate after the new one, which it would take for a theft.
func TestRenewUnderLoad(t *testing.T) {
	t.Parallel()
	admin := fleetOf(t, shortLived(t)...)
	n := admin.rawJoin(t, "busy")
	var cert atomic.Pointer[tls.Certificate]
	cert.Store(n.cert)
	up, err := uplink.New(uplink.Options{
		Servers: []string{admin.server.URL}, Roots: admin.server.CA, Version: "load", Certificate: func() (*tls.Certificate, error) { return cert.Load(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	done := make(chan struct{})
	var reports, streams atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !closed(done) {
				if _, err := up.Report(t.Context(), aReport()); err != nil {
					t.Errorf("a report: %v", err)
					return
				}
				reports.Add(1)
				time.Sleep(25 * time.Millisecond) // a node may not call without end
			}
		})
	}
	wg.Go(func() {
		for !closed(done) {
			err := up.Follow(t.Context(), &bulkheadv1.FollowRequest{Run: "load"}, func(*bulkheadv1.FollowResponse) error {
				if closed(done) {
					return errors.New("that is enough")
				}
				streams.Add(1)
				return nil
			})
			if err != nil && !closed(done) {
				t.Errorf("the stream: %v", err)
				return
			}
		}
	})
	serials := map[string]bool{}
	for range 25 {
		err := up.Renew(t.Context(), csrOf(t, n.key), func(res *bulkheadv1.RenewResponse) error {
			if err := uplink.Vouched(res.GetCertificate(), n.ca, n.id); err != nil {
				return err
			}
			cert.Store(&tls.Certificate{Certificate: [][]byte{res.GetCertificate()}, PrivateKey: n.key})
			return nil
		})
		if err != nil {
			t.Errorf("a renewal: %v", err)
			break
		}
		before := reports.Load()
		for range 3000 { // the new one is in use
			if reports.Load() > before+8 || t.Failed() {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		serials[admin.node("busy").Serial] = true
	}
	close(done)
	admin.must("nodes", "cordon", "busy", "--tenant", "acme") // the stream brings something, and so ends
	wg.Wait()
	t.Logf("%d renewals, %d reports, %d messages of streams", len(serials), reports.Load(), streams.Load())
	if len(serials) != 25 || reports.Load() < 100 {
		t.Errorf("only %d certificates and %d reports: the test shows nothing", len(serials), reports.Load())
	}
	if told := admin.events("busy", "reuse"); len(told) > 0 {
		t.Errorf("renewals were told as thefts: %+v", told)
	}
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
