// Package lab starts real container engines by hand and makes images for them without a registry. It is for tests and
// for the demonstration of `make run` only: the product itself starts none but those of
// drills (drill/ground). It needs root.
package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/drill/ground/dockerd"
)

// Kind says which engine to start.
type Kind string

// The engines that the product is tested on.
const (
	// Debian is the dockerd of the package docker.io, the oldest engine that is supported.
	Debian Kind = "debian"
	// Current is the newest engine, built by scripts/engine-current.
	Current Kind = "current"
)

// EngineOptions say what to start. Dir holds everything that the engine writes; keep its path short, since sockets
// lie below it.
type EngineOptions struct {
	Kind Kind
	Dir  string
	// Config is written as the engine's daemon.json.
	Config map[string]any
	// Args are added to the command line of dockerd.
	Args []string
	// Private gives the engine a network namespace of its own. Two engines at the same time need it: the newest removes
	// chains of the firewall that the oldest needs. Without it the engine serves this host's network.
	Private bool
	// Host gives it the network of a host of the lab, and implies Private.
	Host *Host
	// Bin is the directory of the current engine's binaries; empty runs scripts/engine-current.
	Bin string
}

// Engine is a running dockerd with an own data root, bridge and address range.
type Engine struct {
	// Socket is the path of the engine's Unix socket, Log of what it wrote.
	Socket, Log string
	dir         string
	state       state
	options     EngineOptions // of an engine that this process started
	exited      chan struct{} // closed when a dockerd that this process started has ended
}

// state is what Stop needs, also in another process than the one that started the engine.
type state struct {
	PID    int    `json:"pid"`
	Start  string `json:"start"` // start time of PID, so that a reused pid is never killed
	Bridge string `json:"bridge"`
	Kind   Kind   `json:"kind"`
	// Private engines take their bridge and rules with them when their network namespace goes.
	Private bool `json:"private"`
}

func handle(dir string, st state) *Engine {
	return &Engine{Socket: dockerd.Socket(dir), Log: dockerd.Log(dir), dir: dir, state: st}
}

// StartEngine starts an engine and waits until it answers. Whoever starts it stops it with Stop; ctx bounds the start
// only.
func StartEngine(ctx context.Context, o EngineOptions) (*Engine, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("starting a container engine needs root: run as root or with sudo")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("engine directory: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "state.json")); err == nil {
		return nil, fmt.Errorf("an engine was already started in %s: stop it first (lab down --dir %s)", dir, dir)
	}
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("engine directory: %w", err)
	}
	o.Private = o.Private || o.Host != nil
	cmd, st, err := prepared(ctx, o, dir)
	if err != nil {
		return nil, err
	}
	e, err := launch(cmd, dir, st)
	if err != nil {
		return nil, errors.Join(err, takeBackNetwork(st))
	}
	e.options = o
	if err := dockerd.Wait(ctx, dir, e.exited); err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return nil, errors.Join(err, e.Stop(stop))
	}
	return e, nil
}

// prepared is the command of an engine with its network.
func prepared(ctx context.Context, o EngineOptions, dir string) (*exec.Cmd, state, error) {
	st := state{Kind: o.Kind, Bridge: "docker0", Private: o.Private}
	cmd, err := command(ctx, o, dir)
	if err != nil {
		return nil, st, err
	}
	if o.Private {
		cmd.Args = append(cmd.Args, "--bip", "10.225.0.1/24", "--default-address-pool", "base=10.225.128.0/17,size=24")
	} else {
		net, err := addBridge()
		if err != nil {
			return nil, st, err
		}
		st.Bridge = net.bridge
		cmd.Args = append(cmd.Args, "--bridge", net.bridge, "--fixed-cidr", net.subnet,
			"--default-address-pool", "base="+net.pool+",size=24")
	}
	cmd.Args = append(cmd.Args, o.Args...)
	return cmd, st, nil
}

// command prepares dockerd with its own places for everything.
func command(ctx context.Context, o EngineOptions, dir string) (*exec.Cmd, error) {
	path := os.Getenv("PATH")
	daemon := "/usr/sbin/dockerd"
	if o.Kind == Current {
		bin := o.Bin
		if bin == "" {
			var err error
			if bin, err = currentBin(ctx); err != nil {
				return nil, err
			}
		}
		daemon, path = filepath.Join(bin, "dockerd"), bin+":"+path
	}
	if _, err := os.Stat(daemon); err != nil {
		return nil, fmt.Errorf("no %s engine here (%w): install docker.io, or run scripts/engine-current", o.Kind, err)
	}
	args, err := dockerd.Command(daemon, dir, o.Config)
	if err != nil {
		return nil, err
	}
	if o.Kind == Debian {
		bin, err := dockerd.Runtime(path, dir)
		if err != nil {
			return nil, err
		}
		if bin != "" {
			path = bin + ":" + path
		}
	}
	if o.Private && o.Host == nil {
		args = append([]string{"/bin/sh", "-c", `ip link set lo up && exec "$0" "$@"`}, args...)
	}
	if o.Host != nil {
		args = append(append([]string{"nsenter"}, o.Host.enter()...), args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "PATH="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if o.Private && o.Host == nil {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET
	}
	return cmd, nil
}

// currentBin runs scripts/engine-current of the checkout that the working directory is in.
func currentBin(ctx context.Context) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("working directory: %w", err)
	}
	for {
		script := filepath.Join(dir, "scripts", "engine-current")
		if _, err := os.Stat(script); err == nil {
			cmd := exec.CommandContext(ctx, script)
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				return "", fmt.Errorf("%s: %w", script, err)
			}
			return strings.TrimSpace(string(out)), nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("scripts/engine-current not found: run inside the checkout or set EngineOptions.Bin")
		}
		dir = filepath.Dir(dir)
	}
}

func launch(cmd *exec.Cmd, dir string, st state) (*Engine, error) {
	e := handle(dir, st)
	log, err := os.OpenFile(e.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("engine log: %w", err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	e.exited = make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(e.exited)
	}()
	e.state.PID = cmd.Process.Pid
	e.state.Start = startTime(e.state.PID)
	body, err := json.Marshal(e.state)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "state.json"), body, 0o600)
	}
	if err != nil {
		_ = cmd.Process.Kill()
		return nil, fmt.Errorf("engine state: %w", err)
	}
	return e, nil
}

// Client returns a client of the engine. The caller closes it.
func (e *Engine) Client() (*client.Client, error) {
	return dockerd.Client(e.dir)
}

// PID is the process id of the engine's dockerd.
func (e *Engine) PID() int { return e.state.PID }

// Bridge is the host's interface of the engine's default network.
func (e *Engine) Bridge() string { return e.state.Bridge }
