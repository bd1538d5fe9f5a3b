package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// demo makes sure that there is an engine with something to see on it.
func demo(ctx context.Context, dir string) error {
	cli, endpoint, err := hostEngine(ctx)
	if err != nil {
		fmt.Fprintf(os.Stderr, "no container engine answers here (%v)\n", err)
		if _, statErr := os.Stat("/usr/sbin/dockerd"); statErr != nil || os.Geteuid() != 0 {
			return errors.New("starting one needs root and the package docker.io; start an engine yourself and try again")
		}
		fmt.Fprintf(os.Stderr, "starting one on its own data directory %s; 'make clean' stops and removes it\n", dir)
		e, err := start(ctx, dir, lab.Debian)
		if err != nil {
			return err
		}
		if cli, err = e.Client(); err != nil {
			return err
		}
		endpoint = "unix://" + e.Socket
	}
	defer cli.Close()
	if err := populate(ctx, cli); err != nil {
		return err
	}
	fmt.Println(endpoint)
	return nil
}

// populate starts the fleet on an engine that has no container at all.
func populate(ctx context.Context, cli *client.Client) error {
	list, err := cli.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	if len(list.Items) > 0 {
		return nil
	}
	socket := "/var/run/docker.sock"
	if h := cli.DaemonHost(); len(h) > len("unix://") && h[:7] == "unix://" {
		socket = h[7:]
	}
	fmt.Fprintln(os.Stderr, "the engine has no containers: starting a demonstration fleet of good and bad ones")
	fmt.Fprintln(os.Stderr, "(label "+lab.FleetLabel+", images lab/*, made here, nothing is pulled); 'make clean' removes it")
	if err := lab.StartFleet(ctx, cli, socket); err != nil {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return errors.Join(err, lab.Remove(cleanup, cli))
	}
	return nil
}

// hostEngine connects to the engine of DOCKER_HOST or the usual socket.
func hostEngine(ctx context.Context) (*client.Client, string, error) {
	cli, err := client.New(client.FromEnv)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if _, err := cli.Ping(ctx, client.PingOptions{}); err != nil {
		return nil, "", errors.Join(err, cli.Close())
	}
	return cli, cli.DaemonHost(), nil
}

// clean removes the fleet from this host's engine, and the engine that demo started.
func clean(ctx context.Context, dir string) error {
	if cli, _, err := hostEngine(ctx); err == nil {
		defer cli.Close()
		if err := lab.Remove(ctx, cli); err != nil {
			return err
		}
	}
	return down(ctx, dir)
}
