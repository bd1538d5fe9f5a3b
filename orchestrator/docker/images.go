package docker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/model"
)

// maxHistory bounds the build steps that are kept of an image.
const maxHistory = 500

// Images reads every image with its history, and looks into those that containers use first.
func (e *Collector) Images(ctx context.Context) (func(*model.Snapshot), []model.Gap) {
	res, err := e.c.api.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return nil, []model.Gap{gap("/images", err, "look into the engine's log")}
	}
	var gaps []model.Gap
	used := map[string]bool{}
	if list, err := e.list(ctx); err == nil {
		for _, c := range list {
			used[c.ImageID] = true
		}
	}
	items := res.Items
	slices.SortFunc(items, func(a, b image.Summary) int {
		if used[a.ID] != used[b.ID] {
			if used[a.ID] {
				return -1
			}
			return 1
		}
		return strings.Compare(a.ID, b.ID)
	})
	inner, cancel := within(ctx, 0.9)
	defer cancel()
	found := make([]*model.Image, len(items))
	e.each(inner, len(items), func(i int) { found[i] = e.readImage(inner, items[i], i < e.o.MaxContents) })
	out := make([]model.Image, 0, len(items))
	for i, m := range found {
		if m == nil && inner.Err() != nil {
			m = partialImage(items[i], inner.Err())
		}
		if m != nil {
			out = append(out, *m)
		}
	}
	slices.SortFunc(out, func(a, b model.Image) int { return strings.Compare(a.ID, b.ID) })
	return func(s *model.Snapshot) { s.Images = out }, gaps
}

// partialImage is what the list alone tells.
func partialImage(s image.Summary, err error) *model.Image {
	m := &model.Image{ID: s.ID, Tags: tags(s.RepoTags), Digests: tags(s.RepoDigests), Created: time.Unix(s.Created, 0).UTC(), Size: s.Size, Signature: "unknown"}
	m.Dangling = len(m.Tags)+len(m.Digests) == 0
	m.Gaps = []model.Gap{gap("", err, "run again, or look into the engine's log")}
	return m
}

// readImage reads one image; nil when it is gone.
func (e *Collector) readImage(ctx context.Context, sum image.Summary, look bool) *model.Image {
	in, err := e.image(ctx, sum.ID)
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return partialImage(sum, err)
	}
	m := &model.Image{
		ID: in.ID, Tags: tags(in.RepoTags), Digests: tags(in.RepoDigests), Created: parseTime(in.Created), Size: in.Size,
		OS: in.Os, Architecture: in.Architecture, Layers: in.RootFS.Layers, Signature: "unknown",
	}
	m.Dangling = len(m.Tags)+len(m.Digests) == 0
	e.imageConfig(m, in)
	e.history(ctx, m)
	if !look {
		m.Gaps = append(m.Gaps, model.Gap{
			Path: "/contents", Reason: model.GapLimit,
			Detail: fmt.Sprintf("only the first %d images are looked into", e.o.MaxContents), Remedy: "remove images that are not used",
		})
		return m
	}
	contents, found, err := e.contents(ctx, in)
	if err != nil {
		m.Gaps = append(m.Gaps, gap("/contents", err, contentsRemedy(err)))
		return m
	}
	m.Contents = contents
	m.Secrets = append(m.Secrets, found...)
	return m
}

func (e *Collector) imageConfig(m *model.Image, in client.ImageInspectResult) {
	cfg := in.Config
	if cfg == nil {
		return
	}
	var found []model.SecretSighting
	m.User = cfg.User
	m.Healthcheck = cfg.Healthcheck != nil && len(cfg.Healthcheck.Test) > 0 && cfg.Healthcheck.Test[0] != "NONE"
	m.ExposedPorts = slices.Sorted(maps.Keys(cfg.ExposedPorts))
	m.Entrypoint, found = e.o.Secrets.Args("entrypoint", cfg.Entrypoint)
	m.Secrets = append(m.Secrets, found...)
	m.Cmd, found = e.o.Secrets.Args("cmd", cfg.Cmd)
	m.Secrets = append(m.Secrets, found...)
	m.EnvNames, found = e.o.Secrets.Env(cfg.Env)
	m.Secrets = append(m.Secrets, found...)
	slices.Sort(m.EnvNames)
	m.Labels, found = e.o.Secrets.Map("label", cfg.Labels)
	m.Secrets = append(m.Secrets, found...)
	for _, l := range []string{"io.bulkhead.purpose", "org.opencontainers.image.title"} {
		if m.Purpose == "" {
			m.Purpose = m.Labels[l]
		}
	}
}

// history keeps the build steps in the order in which they were made.
func (e *Collector) history(ctx context.Context, m *model.Image) {
	res, err := e.c.api.ImageHistory(ctx, m.ID)
	if err != nil {
		m.Gaps = append(m.Gaps, gap("/history", err, ""))
		return
	}
	steps := slices.Clone(res.Items)
	slices.Reverse(steps)
	if len(steps) > maxHistory {
		steps = steps[:maxHistory]
		m.Gaps = append(m.Gaps, model.Gap{Path: "/history", Reason: model.GapLimit, Detail: fmt.Sprintf("more than %d steps", maxHistory)})
	}
	for i, s := range steps {
		text, found := e.o.Secrets.Text(fmt.Sprintf("history:%d", i), s.CreatedBy)
		m.Secrets = append(m.Secrets, found...)
		entry := model.HistoryEntry{CreatedBy: text, Size: s.Size}
		entry.Comment, found = e.o.Secrets.Text(fmt.Sprintf("history:%d", i), s.Comment)
		m.Secrets = append(m.Secrets, found...)
		if s.Created > 0 {
			entry.Created = time.Unix(s.Created, 0).UTC()
		}
		m.History = append(m.History, entry)
	}
}

// tags sorts names and leaves out the engine's "<none>".
func tags(list []string) []string {
	var out []string
	for _, t := range list {
		if !strings.Contains(t, "<none>") {
			out = append(out, t)
		}
	}
	slices.Sort(out)
	return out
}
