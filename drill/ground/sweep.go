package ground

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/drill/ground/dockerd"
)

// Sweep takes everything away that is in the engine but the image that every ground has.
func (e *Engine) Sweep(ctx context.Context) error {
	cli, err := e.Client()
	if err != nil {
		return err
	}
	defer func() { _ = cli.Close() }()
	if err := dockerd.Empty(ctx, cli); err != nil {
		return err
	}
	return errors.Join(removeVolumes(ctx, cli), removeNetworks(ctx, cli), removeImages(ctx, cli), removePlugins(ctx, cli), e.importBase(ctx))
}

func removeVolumes(ctx context.Context, cli *client.Client) error {
	list, err := cli.VolumeList(ctx, client.VolumeListOptions{})
	if err != nil {
		return fmt.Errorf("volumes of the throw-away engine: %w", err)
	}
	var errs []error
	for _, v := range list.Items {
		_, err := cli.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{Force: true})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func removeNetworks(ctx context.Context, cli *client.Client) error {
	list, err := cli.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return fmt.Errorf("networks of the throw-away engine: %w", err)
	}
	var errs []error
	for _, n := range list.Items {
		if !slices.Contains([]string{"bridge", "host", "none", "ingress", "docker_gwbridge"}, n.Name) {
			_, err := cli.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func removeImages(ctx context.Context, cli *client.Client) error {
	list, err := cli.ImageList(ctx, client.ImageListOptions{All: true})
	if err != nil {
		return fmt.Errorf("images of the throw-away engine: %w", err)
	}
	for _, i := range list.Items {
		names := i.RepoTags
		if !slices.Contains(names, Image) {
			names = append(names, i.ID)
		}
		for _, name := range names {
			if name == Image || name == "<none>:<none>" {
				continue
			}
			_, err := cli.ImageRemove(ctx, name, client.ImageRemoveOptions{Force: true, PruneChildren: true})
			_ = err // the first removal may have taken the others with it
		}
	}
	return nil
}

func removePlugins(ctx context.Context, cli *client.Client) error {
	list, err := cli.PluginList(ctx, client.PluginListOptions{})
	if err != nil {
		return fmt.Errorf("plugins of the throw-away engine: %w", err)
	}
	var errs []error
	for _, p := range list.Items {
		_, err := cli.PluginRemove(ctx, p.ID, client.PluginRemoveOptions{Force: true})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
