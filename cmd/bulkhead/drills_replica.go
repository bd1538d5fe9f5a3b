package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/drill"
)

// replicaSpec is what a replica of a drill, a process of its own, reads first from its standard input. That the input ends tells it to
// end, too, so that it does not outlive the drill in any case.
type replicaSpec struct {
	Dir, Name, Database, MasterKey string
}

// replicaSays is the line that it writes once it serves.
type replicaSays struct {
	URL, CA, Enrolment string
}

// Replica implements cli.Drills: it is what the process does.
func (d *drills) Replica(ctx context.Context, in io.Reader, out io.Writer) error {
	var spec replicaSpec
	if err := json.NewDecoder(in).Decode(&spec); err != nil {
		return fmt.Errorf("this is how a drill starts a replica, and nothing for people: %w", err)
	}
	c := config.Default().Server
	c.Listen, c.DataDir, c.MasterKeyFile, c.Name = "127.0.0.1:0", spec.Dir, spec.MasterKey, spec.Name
	c.Database, c.Limits.Drain = spec.Database, 5*time.Second
	p, err := openPlane(ctx, planeOptions{config: c, version: d.version, assess: config.Default().Assess})
	if err != nil {
		return err
	}
	code, _, err := p.authn.Bootstrap(ctx)
	if err == nil {
		err = json.NewEncoder(out).Encode(replicaSays{URL: p.c.PublicURL, CA: string(p.certs.CAPEM()), Enrolment: code})
	}
	if err != nil {
		return errors.Join(err, p.close())
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, in) // until it ends, however it does
		stop()
	}()
	return p.run(ctx)
}

// startFor is how long a replica may take until it serves.
const startFor = 30 * time.Second

// Replica implements drill.Launcher.
func (l *launcher) Replica(ctx context.Context, r drill.Replica) (_ *drill.Plane, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	dir, err := os.MkdirTemp("", "bulkhead-drill-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	p := &process{dir: dir, done: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.remove())
		}
	}()
	p.cmd = exec.Command(self, "drill", "replica") //nolint:noctx // it ends by remove, also when ctx ends
	p.cmd.Args[0] = "bulkhead"
	// Nothing of the environment is for it, nor is the configuration of the installation.
	p.cmd.Env, p.cmd.Dir = []string{"HOME=" + dir, "BULKHEAD_CONFIG=" + os.DevNull}, dir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stderr = &p.complaint
	says, err := p.start(ctx, replicaSpec{Dir: filepath.Join(dir, "data"), Name: r.Name, Database: r.Database, MasterKey: r.MasterKey})
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(says.CA))
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots}, ForceAttemptHTTP2: true}
	return &drill.Plane{
		URL: says.URL, HTTP: &http.Client{Transport: transport, Timeout: 30 * time.Second}, Roots: roots, Enrolment: says.Enrolment,
		Now: time.Now, Advance: time.Sleep, // its clock is the machine's
		DemandPhishingResistant: func() {}, Kill: p.kill,
		Stop: func(context.Context) error {
			transport.CloseIdleConnections()
			return p.remove()
		},
	}, nil
}

// process is a replica that runs.
type process struct {
	dir       string
	cmd       *exec.Cmd
	input     io.Closer
	complaint firstBytes
	done      chan struct{} // closed when it has ended
}

// start gives it what it is to be, and waits until it serves.
func (p *process) start(ctx context.Context, spec replicaSpec) (says replicaSays, err error) {
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return says, fmt.Errorf("start a replica: %w", err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return says, fmt.Errorf("start a replica: %w", err)
	}
	if err := p.cmd.Start(); err != nil {
		return says, fmt.Errorf("start a replica: %w", err)
	}
	p.input = in
	type line struct {
		text string
		err  error
	}
	first := make(chan line, 1)
	go func() {
		text, err := bufio.NewReader(out).ReadString('\n')
		first <- line{text, err}
		_ = p.cmd.Wait() // it was killed, or said why it ended
		close(p.done)
	}()
	if err := json.NewEncoder(in).Encode(spec); err != nil {
		return says, fmt.Errorf("start a replica: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startFor)
	defer cancel()
	select {
	case l := <-first:
		if l.err != nil {
			<-p.done
			return says, fmt.Errorf("the replica %s ended at once: %s", spec.Name, strings.TrimSpace(p.complaint.String()))
		}
		return says, json.Unmarshal([]byte(l.text), &says)
	case <-ctx.Done():
		return says, fmt.Errorf("the replica %s does not serve: %w", spec.Name, ctx.Err())
	}
}

// kill ends it as a power cut would.
func (p *process) kill() error {
	select {
	case <-p.done:
		return nil
	default:
	}
	err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
	return err
}

// remove ends it, whatever it is at, and removes what it wrote: all of it is thrown away.
func (p *process) remove() error {
	var err error
	if p.input != nil {
		err = p.kill()
		_ = p.input.Close() // nobody reads it any more
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}

// firstBytes keeps the beginning of what is written to it.
type firstBytes struct{ b []byte }

// Write implements io.Writer.
func (f *firstBytes) Write(b []byte) (int, error) {
	const most = 4 << 10
	f.b = append(f.b, b[:min(len(b), most-len(f.b))]...)
	return len(b), nil
}

func (f *firstBytes) String() string { return string(f.b) }
