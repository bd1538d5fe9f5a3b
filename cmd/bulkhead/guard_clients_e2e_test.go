//go:build e2e

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// withPeople adds a developer and an operator to the guard's accounts: the users 4712 and 4714.
func withPeople(t *testing.T) *program {
	t.Helper()
	p := newProgram(t)
	p.change("  accounts:\n", `  accounts:
    - {name: bob, tenant: acme, roles: [developer], users: ["4712"]}
    - {name: olive, tenant: acme, roles: [operator], hosts: [h1], users: ["4714"]}
`)
	p.start()
	p.answers()
	return p
}

// TestGuardWithTestcontainers builds the life of a test that uses testcontainers-go, and lives it as a developer through the guard.
func TestGuardWithTestcontainers(t *testing.T) {
	p := withPeople(t)
	bin := p.path("life.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "e2e", "-o", bin, ".")
	build.Dir = filepath.Join("..", "..", "test", "testcontainers")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	home := p.path("home")
	must(t, os.Mkdir(home, 0o700))
	must(t, os.Chown(home, 4712, 4712))
	live := exec.CommandContext(t.Context(), bin, "-test.v", "-test.timeout", "3m")
	live.Dir = home
	live.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "DOCKER_HOST=unix://" + p.path("run/docker.sock"), "TESTCONTAINERS_RYUK_DISABLED=true",
	}
	live.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4712, Gid: 4712}}
	if out, err := live.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// as runs f with the client library of the engine as a user of this machine.
func (p *program) as(uid int, f func(ctx context.Context, c *client.Client)) {
	p.t.Helper()
	socket := p.path("run/docker.sock")
	c, err := client.New(client.WithHost("unix://"+socket), client.WithDialContext(func(context.Context, string, string) (net.Conn, error) {
		return dialAs(uid, socket)
	}))
	must(p.t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	f(ctx, c)
}

// dialAs connects in a thread that is another user's meanwhile: the kernel tells the other end of that one.
func dialAs(uid int, socket string) (net.Conn, error) {
	runtime.LockOSThread()
	keep := ^uintptr(0)
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, uintptr(uid), keep); e != 0 {
		runtime.UnlockOSThread()
		return nil, e
	}
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: socket})
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, 0, keep); e == 0 {
		runtime.UnlockOSThread() // else the thread ends with its goroutine
	}
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), socket)
	defer file.Close()
	return net.FileConn(file)
}

// TestGuardWithTheLibrary lives the life of a test, as libraries for them do it, with the engine's own client as a developer.
func TestGuardWithTheLibrary(t *testing.T) {
	p := withPeople(t)
	p.as(4712, func(ctx context.Context, c *client.Client) {
		_, err := c.ImageInspect(ctx, "lab/up:1")
		must(t, err)
		events := c.Events(ctx, client.EventsListOptions{Filters: client.Filters{}.Add("label", "suite=life")})
		made, err := c.ContainerCreate(ctx, client.ContainerCreateOptions{
			Name: "life", Config: &container.Config{Image: "lab/up:1", Labels: map[string]string{"suite": "life"}, Cmd: []string{"sh", "-c", "echo ready; sleep 300"}},
		})
		must(t, err)
		_, err = c.ContainerStart(ctx, made.ID, client.ContainerStartOptions{})
		must(t, err)
		log, err := c.ContainerLogs(ctx, made.ID, client.ContainerLogsOptions{ShowStdout: true, Follow: true})
		must(t, err)
		line := make([]byte, 8+len("ready\n"))
		_, err = io.ReadFull(log, line)
		must(t, err)
		must(t, log.Close())
		if !bytes.HasSuffix(line, []byte("ready\n")) {
			t.Errorf("the log: %q", line)
		}
		e, err := c.ExecCreate(ctx, made.ID, client.ExecCreateOptions{Cmd: []string{"sh", "-c", "echo out; exit 3"}, AttachStdout: true, AttachStderr: true})
		must(t, err)
		a, err := c.ExecAttach(ctx, e.ID, client.ExecAttachOptions{})
		must(t, err)
		var out bytes.Buffer
		_, err = stdcopy.StdCopy(&out, io.Discard, a.Reader)
		must(t, err)
		a.Close()
		how, err := c.ExecInspect(ctx, e.ID, client.ExecInspectOptions{})
		must(t, err)
		if out.String() != "out\n" || how.ExitCode != 3 {
			t.Errorf("exec: %q %d", out.String(), how.ExitCode)
		}
		var archive bytes.Buffer
		w := tar.NewWriter(&archive)
		must(t, w.WriteHeader(&tar.Header{Name: "put", Mode: 0o644, Size: 3}))
		_, err = w.Write([]byte("put"))
		must(t, err)
		must(t, w.Close())
		_, err = c.CopyToContainer(ctx, made.ID, client.CopyToContainerOptions{DestinationPath: "/", Content: &archive})
		must(t, err)
		back, err := c.CopyFromContainer(ctx, made.ID, client.CopyFromContainerOptions{SourcePath: "/put"})
		must(t, err)
		r := tar.NewReader(back.Content)
		_, err = r.Next()
		must(t, err)
		text, err := io.ReadAll(r)
		must(t, err)
		must(t, back.Content.Close())
		if string(text) != "put" {
			t.Errorf("the file that came back: %q", text)
		}
		s, err := c.ContainerStats(ctx, made.ID, client.ContainerStatsOptions{})
		must(t, err)
		text, err = io.ReadAll(s.Body)
		must(t, err)
		must(t, s.Body.Close())
		if !bytes.Contains(text, []byte("memory_stats")) {
			t.Errorf("stats: %.200q", text)
		}
		var seen []string
		for len(seen) < 2 {
			select {
			case m := <-events.Messages:
				seen = append(seen, string(m.Action))
			case err := <-events.Err:
				t.Fatal(err)
			}
		}
		if !slices.Equal(seen, []string{"create", "start"}) {
			t.Errorf("events: %v", seen)
		}
		// A reaper asks for the engine's socket, and is told why it does not get it.
		_, err = c.ContainerCreate(ctx, client.ContainerCreateOptions{
			Name: "reaper", Config: &container.Config{Image: "lab/up:1"}, HostConfig: &container.HostConfig{Binds: []string{p.path("run/docker.sock") + ":/var/run/docker.sock"}, Privileged: true},
		})
		if err == nil || !strings.Contains(err.Error(), "profile_baseline/") || !strings.Contains(err.Error(), "audit record") {
			t.Errorf("a reaper: %v", err)
		}
		_, err = c.ContainerRemove(ctx, made.ID, client.ContainerRemoveOptions{Force: true})
		must(t, err)
	})
}

// TestGuardWithAManager asks what a manager with pages asks (Portainer and the like), as an operator of the host: all lists, one container in
// every way, a stack by its labels. What is refused says why.
func TestGuardWithAManager(t *testing.T) {
	p := withPeople(t)
	p.as(4712, func(ctx context.Context, c *client.Client) { // what there is to manage
		made, err := c.ContainerCreate(ctx, client.ContainerCreateOptions{Name: "shop-web-1", Config: &container.Config{
			Image: "lab/up:1", Labels: map[string]string{"com.docker.compose.project": "shop", "com.docker.compose.service": "web"},
		}})
		must(t, err)
		_, err = c.ContainerStart(ctx, made.ID, client.ContainerStartOptions{})
		must(t, err)
	})
	p.as(4714, func(ctx context.Context, c *client.Client) {
		ask := map[string]func() error{
			"ping":    func() error { _, err := c.Ping(ctx, client.PingOptions{}); return err },
			"version": func() error { _, err := c.ServerVersion(ctx, client.ServerVersionOptions{}); return err },
			"info":    func() error { _, err := c.Info(ctx, client.InfoOptions{}); return err },
			"df":      func() error { _, err := c.DiskUsage(ctx, client.DiskUsageOptions{}); return err },
			"images":  func() error { _, err := c.ImageList(ctx, client.ImageListOptions{All: true}); return err },
			"dangling": func() error {
				_, err := c.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("dangling", "true")})
				return err
			},
			"image":   func() error { _, err := c.ImageInspect(ctx, "lab/up:1"); return err },
			"history": func() error { _, err := c.ImageHistory(ctx, "lab/up:1"); return err },
			"volumes": func() error {
				_, err := c.VolumeList(ctx, client.VolumeListOptions{Filters: client.Filters{}.Add("dangling", "true")})
				return err
			},
			"networks": func() error {
				_, err := c.NetworkList(ctx, client.NetworkListOptions{Filters: client.Filters{}.Add("driver", "bridge")})
				return err
			},
			"network": func() error { _, err := c.NetworkInspect(ctx, "bridge", client.NetworkInspectOptions{}); return err },
			"containers": func() error {
				_, err := c.ContainerList(ctx, client.ContainerListOptions{All: true, Size: true})
				return err
			},
			"container": func() error {
				_, err := c.ContainerInspect(ctx, "shop-web-1", client.ContainerInspectOptions{Size: true})
				return err
			},
			"top":     func() error { _, err := c.ContainerTop(ctx, "shop-web-1", client.ContainerTopOptions{}); return err },
			"changes": func() error { _, err := c.ContainerDiff(ctx, "shop-web-1", client.ContainerDiffOptions{}); return err },
			"logs": func() error {
				r, err := c.ContainerLogs(ctx, "shop-web-1", client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Tail: "100"})
				if err == nil {
					_, err = io.Copy(io.Discard, r)
				}
				return err
			},
			"stats": func() error {
				s, err := c.ContainerStats(ctx, "shop-web-1", client.ContainerStatsOptions{})
				if err == nil {
					_, err = io.Copy(io.Discard, s.Body)
				}
				return err
			},
			"restart": func() error {
				_, err := c.ContainerRestart(ctx, "shop-web-1", client.ContainerRestartOptions{})
				return err
			},
			"pause": func() error {
				_, err := c.ContainerPause(ctx, "shop-web-1", client.ContainerPauseOptions{})
				return err
			},
			"unpause": func() error {
				_, err := c.ContainerUnpause(ctx, "shop-web-1", client.ContainerUnpauseOptions{})
				return err
			},
		}
		for _, name := range []string{
			"ping", "version", "info", "df", "images", "dangling", "image", "history", "volumes", "networks", "network", "containers", "container",
			"top", "changes", "logs", "stats", "restart", "pause", "unpause",
		} {
			if err := ask[name](); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		stack, err := c.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", "com.docker.compose.project=shop").Add("status", "running")})
		must(t, err)
		if len(stack.Items) != 1 || stack.Items[0].Labels["com.docker.compose.service"] != "web" {
			t.Errorf("the stack: %+v", stack.Items)
		}
		p.console(ctx, c)
		// Where there is no swarm, the engine's own answer comes through, by which managers know it.
		if _, err := c.ServiceList(ctx, client.ServiceListOptions{}); err == nil || !strings.Contains(err.Error(), "swarm") {
			t.Errorf("services: %v", err)
		}
		_, err = c.ContainerCreate(ctx, client.ContainerCreateOptions{Name: "agent", Config: &container.Config{Image: "lab/up:1"}, HostConfig: &container.HostConfig{Binds: []string{"/:/host"}}})
		if err == nil || !strings.Contains(err.Error(), "what would pass") {
			t.Errorf("a manager's agent with the host's files: %v", err)
		}
	})
}

// console opens a terminal of a page: an exec with a terminal, of which the size changes.
func (p *program) console(ctx context.Context, c *client.Client) {
	p.t.Helper()
	e, err := c.ExecCreate(ctx, "shop-web-1", client.ExecCreateOptions{Cmd: []string{"sh"}, TTY: true, AttachStdin: true, AttachStdout: true, AttachStderr: true})
	must(p.t, err)
	a, err := c.ExecAttach(ctx, e.ID, client.ExecAttachOptions{TTY: true})
	must(p.t, err)
	defer a.Close()
	_, err = c.ExecResize(ctx, e.ID, client.ExecResizeOptions{Height: 40, Width: 120})
	must(p.t, err)
	fmt.Fprintln(a.Conn, "stty size; exit")
	out, err := io.ReadAll(a.Reader)
	must(p.t, err)
	if !strings.Contains(string(out), "40 120") {
		p.t.Errorf("the console: %q", out)
	}
}
