package docker

import (
	"context"

	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

// Usage reads what takes space. The engine counts slowly, so that it has a deadline of its own; the rest is told
// without it.
func (e *Collector) Usage(ctx context.Context) (func(*model.Snapshot), []model.Gap) {
	var u model.EngineUsage
	var gaps []model.Gap
	if list, err := e.list(ctx); err != nil {
		gaps = append(gaps, gap("/engine/usage/containers_dead", err, ""))
	} else {
		for _, c := range list {
			switch c.State {
			case "exited", "dead", "created":
				u.ContainersDead++
			case "paused":
				u.ContainersPaused++
			}
		}
		if err := e.unusedImages(ctx, &u); err != nil {
			gaps = append(gaps, gap("/engine/usage/images_unused", err, ""))
		}
	}
	if res, err := e.c.api.VolumeList(ctx, client.VolumeListOptions{Filters: client.Filters{}.Add("dangling", "true")}); err != nil {
		gaps = append(gaps, gap("/engine/usage/volumes_unused", err, ""))
	} else {
		u.VolumesUnused = len(res.Items)
	}
	if info, err := e.info(ctx); err == nil && e.daemon(ctx).local {
		e.filesystem(info.DockerRootDir, &u)
	}
	res, err := e.c.api.DiskUsage(ctx, client.DiskUsageOptions{Images: true, BuildCache: true})
	if err != nil {
		for _, p := range []string{"images_bytes", "build_cache_bytes"} {
			gaps = append(gaps, gap("/engine/usage/"+p, err, "ask the engine for its disk usage when it is idle"))
		}
	}
	u.ImagesBytes, u.BuildCacheBytes = res.Images.TotalSize, res.BuildCache.TotalSize
	return func(s *model.Snapshot) {
		if s.Engine != nil {
			s.Engine.Usage = u
		}
	}, gaps
}

// unusedImages counts images that no container, running or not, was made from.
func (e *Collector) unusedImages(ctx context.Context, u *model.EngineUsage) error {
	list, err := e.list(ctx)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, c := range list {
		used[c.ImageID] = true
	}
	images, err := e.c.api.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return err
	}
	for _, i := range images.Items {
		if !used[i.ID] {
			u.ImagesUnused++
		}
	}
	return nil
}

// filesystem is how full the file system of the engine's data is.
func (e *Collector) filesystem(dir string, u *model.EngineUsage) {
	var st unix.Statfs_t
	if dir == "" || unix.Statfs(e.host(dir), &st) != nil {
		return
	}
	u.FilesystemFree = int64(st.Bavail) * st.Bsize
	if total := st.Blocks - st.Bfree + st.Bavail; total > 0 {
		u.FilesystemPerc = int(100 * (st.Blocks - st.Bfree) / total)
	}
	if st.Files > 0 {
		u.InodesUsedPerc = int(100 * (st.Files - st.Ffree) / st.Files)
	}
}
