//go:build e2e

package lab_test

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// TestEngines starts three engines at the same time, one of them on the host's own network, runs a container in each,
// and expects an unchanged firewall after.
func TestEngines(t *testing.T) {
	before := firewall(t)
	t.Cleanup(func() {
		if after := firewall(t); after != before {
			t.Errorf("the firewall was not put back:\n%s\nbefore:\n%s", after, before)
		}
	})
	t.Run("both", func(t *testing.T) {
		for name, o := range map[string]lab.EngineOptions{
			"debian": {Kind: lab.Debian, Private: true}, "current": {Kind: lab.Current, Private: true}, "host": {Kind: lab.Debian},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				runContainer(t, o)
			})
		}
	})
}

func runContainer(t *testing.T, o lab.EngineOptions) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	o.Dir = t.TempDir()
	e, err := lab.StartEngine(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if e.Alive() {
			t.Error("the engine still runs")
		}
	})
	cli, err := e.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	id, err := lab.Load(ctx, cli, lab.Image{Tag: "lab/app:1.0.0", Config: v1.Config{
		User: "app", Env: []string{"GREETING=hello"}, Entrypoint: []string{"/bin/sh", "-c"}, Labels: map[string]string{"a": "b"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	img, err := cli.ImageInspect(ctx, id)
	if err != nil || img.Config.User != "app" || img.Config.Labels["a"] != "b" {
		t.Fatalf("image configuration was lost: %+v, %v", img.Config, err)
	}
	c, err := cli.ContainerCreate(ctx, client.ContainerCreateOptions{Config: &container.Config{
		Image: "lab/app:1.0.0", Cmd: []string{`echo $GREETING; id -u; ip -4 addr show eth0 | grep -c "inet 10."`},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cli.ContainerStart(ctx, c.ID, client.ContainerStartOptions{}); err != nil {
		t.Fatal(err)
	}
	wait := cli.ContainerWait(ctx, c.ID, client.ContainerWaitOptions{})
	select {
	case err := <-wait.Error:
		t.Fatal(err)
	case <-wait.Result:
	}
	logs, err := cli.ContainerLogs(ctx, c.ID, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, logs); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "hello\n1000\n1\n" {
		t.Errorf("the container said %q", got)
	}
}

// firewall is the rules without counters and comments.
func firewall(t *testing.T) string {
	out, err := exec.Command("iptables-save").Output()
	if err != nil {
		t.Fatal(err)
	}
	var keep []string
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "-A") || strings.Contains(line, "DOCKER") || strings.HasPrefix(line, ":FORWARD DROP") {
			keep = append(keep, line)
		}
	}
	return strings.Join(keep, "")
}
