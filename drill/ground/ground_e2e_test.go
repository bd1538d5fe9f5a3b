//go:build e2e

package ground_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/drill/ground"
)

// TestEngines starts the oldest and the newest engine, runs a container in each, and expects nothing to stay.
func TestEngines(t *testing.T) {
	out, err := exec.Command("../../scripts/engine-current").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, bin := range map[string]string{"debian": "", "current": strings.TrimSpace(string(out))} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", short(t))
			start := time.Now()
			e, err := ground.Start(t.Context(), ground.Options{Bin: bin})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("ready after %s", time.Since(start))
			cli, err := e.Client()
			if err != nil {
				t.Fatal(err)
			}
			made, err := cli.ContainerCreate(t.Context(), client.ContainerCreateOptions{
				Config:     &container.Config{Image: ground.Image, Cmd: []string{"/bin/sleep", "1000"}},
				HostConfig: &container.HostConfig{Privileged: true},
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := cli.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{}); err != nil {
				t.Fatal(err)
			}
			conn, err := ground.User{UID: 64123, GID: 64123}.Dial(t.Context(), e.Socket)
			if err == nil {
				conn.Close()
				t.Error("a stranger can open the engine's socket")
			}
			_ = cli.Close()
			start = time.Now()
			if err := e.Stop(context.Background()); err != nil {
				t.Fatal(err)
			}
			t.Logf("stopped after %s", time.Since(start))
			if _, err := os.Stat(e.Dir); !os.IsNotExist(err) {
				t.Errorf("%s stays: %v", e.Dir, err)
			}
		})
	}
}

// short is a directory with a short name: sockets have at most 107 characters.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "g")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil { // empty, or something stays
			t.Error(err)
		}
	})
	return dir
}
