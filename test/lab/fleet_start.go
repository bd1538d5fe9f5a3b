package lab

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// StartFleet makes the images and networks and starts the members of the fleet; only limits it to these names (none:
// all).
func StartFleet(ctx context.Context, cli *client.Client, socket string, only ...string) error {
	ids, err := loadAll(ctx, cli, fleetImages())
	if err != nil {
		return err
	}
	for name, icc := range map[string]string{networkChatty: "true", networkQuiet: "false"} {
		if _, err := cli.NetworkCreate(ctx, name, client.NetworkCreateOptions{
			Driver:  "bridge",
			Labels:  map[string]string{FleetLabel: "true"},
			Options: map[string]string{"com.docker.network.bridge.enable_icc": icc},
		}); err != nil {
			return fmt.Errorf("network %s: %w", name, err)
		}
	}
	for _, m := range Members(socket) {
		if len(only) > 0 && !slices.Contains(only, m.Name) {
			continue
		}
		if err := start(ctx, cli, m, ids); err != nil {
			return fmt.Errorf("container %s: %w", m.Name, err)
		}
	}
	return nil
}

// loadAll makes the images and returns their ids by tag.
func loadAll(ctx context.Context, cli *client.Client, images []Image) (map[string]string, error) {
	ids := map[string]string{}
	for _, im := range images {
		id, err := Load(ctx, cli, im)
		if err != nil {
			return nil, err
		}
		ids[im.Tag] = id
	}
	return ids, nil
}

// start runs a member. Its image goes by its id, which cannot be moved to another image, except where the tag is the sin.
func start(ctx context.Context, cli *client.Client, m Member, ids map[string]string) error {
	s := hardened()
	if m.change != nil {
		m.change(&s)
	}
	if s.config.Image != imageLatest {
		s.config.Image = ids[s.config.Image]
	}
	s.host.NetworkMode = container.NetworkMode(s.network)
	c, err := cli.ContainerCreate(ctx, client.ContainerCreateOptions{Name: m.Name, Config: &s.config, HostConfig: &s.host})
	if err != nil {
		return err
	}
	if _, err := cli.ContainerStart(ctx, c.ID, client.ContainerStartOptions{}); err != nil {
		return err
	}
	if len(m.after) == 0 {
		return nil
	}
	e, err := cli.ExecCreate(ctx, c.ID, client.ExecCreateOptions{Cmd: m.after, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return err
	}
	return execute(ctx, cli, e.ID)
}

// execute runs an exec to its end.
func execute(ctx context.Context, cli *client.Client, id string) error {
	att, err := cli.ExecAttach(ctx, id, client.ExecAttachOptions{})
	if err != nil {
		return err
	}
	defer att.Close()
	for {
		if _, err := att.Reader.Discard(1); err != nil {
			break // the command has ended
		}
	}
	res, err := cli.ExecInspect(ctx, id, client.ExecInspectOptions{})
	if err != nil {
		return err
	}
	if res.ExitCode != 0 {
		return fmt.Errorf("the command ended with %d", res.ExitCode)
	}
	return nil
}

// Remove removes containers of the fleet by name; without names it removes all that carry the fleet's label, with
// networks and images.
func Remove(ctx context.Context, cli *client.Client, names ...string) error {
	if len(names) > 0 {
		for _, n := range names {
			if _, err := cli.ContainerRemove(ctx, n, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
				return fmt.Errorf("container %s: %w", n, err)
			}
		}
		return nil
	}
	filter := make(client.Filters).Add("label", FleetLabel)
	containers, err := cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return fmt.Errorf("list the fleet's containers: %w", err)
	}
	for _, c := range containers.Items {
		if _, err := cli.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			return fmt.Errorf("container %s: %w", c.ID, err)
		}
	}
	networks, err := cli.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		return fmt.Errorf("list the fleet's networks: %w", err)
	}
	for _, n := range networks.Items {
		if _, err := cli.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{}); err != nil {
			return fmt.Errorf("network %s: %w", n.Name, err)
		}
	}
	images, err := cli.ImageList(ctx, client.ImageListOptions{All: true, Filters: filter})
	if err != nil {
		return fmt.Errorf("list the fleet's images: %w", err)
	}
	for _, im := range images.Items {
		if _, err := cli.ImageRemove(ctx, im.ID, client.ImageRemoveOptions{Force: true}); err != nil {
			return fmt.Errorf("image %s: %w", im.ID, err)
		}
	}
	return nil
}

// StartMany starts n hardened containers, for measurements.
func StartMany(ctx context.Context, cli *client.Client, n int) error {
	ids, err := loadAll(ctx, cli, fleetImages()[:1])
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i := range n {
		// Seldom asked for their health: a hundred containers would otherwise keep the machine busy.
		m := Member{Name: fmt.Sprintf("many-%04d", i), change: func(s *spec) { s.config.Healthcheck.Interval = time.Hour }}
		group.Go(func() error {
			if err := start(ctx, cli, m, ids); err != nil {
				return fmt.Errorf("container %s: %w", m.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}
