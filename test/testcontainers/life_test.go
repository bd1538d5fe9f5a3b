//go:build e2e

package testcontainers

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/exec"
	"github.com/testcontainers/testcontainers-go/network"
	"github.com/testcontainers/testcontainers-go/wait"
)

const image = "lab/up:1"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestLife is what a test does that needs a service: a network, a container with a file in it, waiting for it, commands in it, its log, a
// file from it, and the end.
func TestLife(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	net, err := network.New(ctx)
	must(t, err)
	defer func() { must(t, net.Remove(context.Background())) }()
	c, err := testcontainers.Run(ctx, image,
		testcontainers.WithCmd("sh", "-c", "cat /given; mkdir -p /www; echo page > /www/index.html; httpd -p 8080 -h /www; echo ready; sleep 300"),
		testcontainers.WithFiles(testcontainers.ContainerFile{Reader: strings.NewReader("given at create\n"), ContainerFilePath: "/given", FileMode: 0o644}),
		testcontainers.WithExposedPorts("8080/tcp"),
		testcontainers.WithLabels(map[string]string{"suite": "life"}),
		network.WithNetwork([]string{"web"}, net),
		testcontainers.WithWaitStrategy(wait.ForLog("ready").WithStartupTimeout(time.Minute), wait.ForExec([]string{"wget", "-qO", "-", "http://127.0.0.1:8080/"})),
	)
	if c != nil {
		defer func() { must(t, testcontainers.TerminateContainer(c)) }()
	}
	must(t, err)

	code, out, err := c.Exec(ctx, []string{"sh", "-c", "echo out; echo err >&2; exit 3"}, exec.Multiplexed())
	must(t, err)
	text, err := io.ReadAll(out)
	must(t, err)
	if code != 3 || !bytes.Contains(text, []byte("out\n")) || !bytes.Contains(text, []byte("err\n")) {
		t.Errorf("exec: %d %q", code, text)
	}
	must(t, c.CopyToContainer(ctx, []byte("put later"), "/later", 0o600))
	file, err := c.CopyFileFromContainer(ctx, "/later")
	must(t, err)
	text, err = io.ReadAll(file)
	must(t, err)
	if string(text) != "put later" {
		t.Errorf("the file that came back: %q", text)
	}
	log, err := c.Logs(ctx)
	must(t, err)
	text, err = io.ReadAll(log)
	must(t, err)
	if !bytes.Contains(text, []byte("given at create")) {
		t.Errorf("the log: %q", text)
	}
	if _, err := c.MappedPort(ctx, "8080/tcp"); err != nil {
		t.Error(err)
	}
	is, err := c.State(ctx)
	must(t, err)
	if !is.Running {
		t.Errorf("it does not run: %+v", is)
	}
	must(t, c.Stop(ctx, nil))
}

// TestSocket is refused with what its user can read.
func TestSocket(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := testcontainers.Run(ctx, image, testcontainers.WithCmd("sleep", "300"), testcontainers.WithMounts(
		testcontainers.BindMount("/var/run/docker.sock", "/var/run/docker.sock"))) //nolint:staticcheck // as the reaper's own container has it
	if c != nil {
		_ = testcontainers.TerminateContainer(c)
	}
	if err == nil || !strings.Contains(err.Error(), "bulkhead:") || !strings.Contains(err.Error(), "what would pass") {
		t.Errorf("a container with the engine's socket: %v", err)
	}
}
