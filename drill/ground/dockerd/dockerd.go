// Package dockerd is what it takes to start a container engine by hand: its settings and command line, a runtime that this host can run,
// the wait until it answers, and to empty it before it ends.
//
// It starts and ends no process, and knows nothing of namespaces, networks and images: whoever starts an engine does that.
package dockerd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// ErrMissing says that this machine lacks what an engine is made of.
var ErrMissing = errors.New("this machine has not what a throw-away engine needs")

// startTime is how long an engine may take until it answers: machines may be busy.
const startTime = 90 * time.Second

// removals is how many containers are removed at once.
const removals = 8

// Socket is where the engine of a directory listens.
func Socket(dir string) string { return filepath.Join(dir, "docker.sock") }

// Log is the file for what it writes.
func Log(dir string) string { return filepath.Join(dir, "dockerd.log") }

// Command writes the settings into a directory, and gives the command line of an engine that has all that is its own there.
func Command(program, dir string, settings map[string]any) ([]string, error) {
	if settings == nil {
		settings = map[string]any{}
	}
	text, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("daemon.json: %w", err)
	}
	file := filepath.Join(dir, "daemon.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, fmt.Errorf("daemon.json: %w", err)
	}
	return []string{
		program, "--config-file", file, "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "dockerd.pid"), "-H", "unix://" + Socket(dir),
	}, nil
}

// Client gives a client of the engine of a directory, which the caller closes.
func Client(dir string) (*client.Client, error) {
	return client.New(client.WithHost("unix://" + Socket(dir)))
}

// Wait returns when the engine of a directory answers, has ended, or time is over.
func Wait(ctx context.Context, dir string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	cli, err := Client(dir)
	if err != nil {
		return err
	}
	defer func() { _ = cli.Close() }()
	for {
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, err := cli.Ping(try, client.PingOptions{})
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("the engine ended at once; its last words: %s", lastWords(dir))
		case <-ctx.Done():
			return fmt.Errorf("the engine does not answer (%w); its last words: %s", err, lastWords(dir))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func lastWords(dir string) string {
	text, err := os.ReadFile(Log(dir))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-1500):]))
}

// Empty leaves a swarm and removes containers through the engine, which then takes back itself what it gave them.
func Empty(ctx context.Context, cli *client.Client) error {
	_, err := cli.SwarmLeave(ctx, client.SwarmLeaveOptions{Force: true})
	_ = err // an engine outside a swarm refuses, which is what is wanted
	list, err := cli.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return fmt.Errorf("containers of the engine: %w", err)
	}
	var group errgroup.Group
	group.SetLimit(removals)
	for _, c := range list.Items {
		group.Go(func() error {
			_, err := cli.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
			if errdefs.IsNotFound(err) || errdefs.IsConflict(err) { // a swarm that is left removes its tasks by itself
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("containers of the engine: %w", err)
	}
	return nil
}
