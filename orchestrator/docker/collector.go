package docker

import (
	"context"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/api/types/volume"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/model"
)

// Secrets finds secrets and takes them out.
type Secrets interface {
	Env(env []string) (names []string, found []model.SecretSighting)
	Args(place string, args []string) (redacted []string, found []model.SecretSighting)
	Text(place, s string) (redacted string, found []model.SecretSighting)
	Map(place string, m map[string]string) (redacted map[string]string, found []model.SecretSighting)
}

// Inspector looks into an image: as the stream of `docker save`, or as its layers' directories, top layer first.
type Inspector interface {
	Tar(ctx context.Context, r io.Reader) (*model.ImageContents, []model.SecretSighting, error)
	Dirs(ctx context.Context, dirs []string) (*model.ImageContents, []model.SecretSighting, error)
}

// Options of the collectors. Secrets is required.
type Options struct {
	// Root is where the host's file system is mounted; empty means "/".
	Root    string
	Secrets Secrets
	// Inspector may be nil: then images are not looked into, which is told as a gap.
	Inspector Inspector
	// CacheDir keeps what Inspector found, by image id; empty keeps nothing.
	CacheDir string
	// Concurrency is how many requests run at once; zero means 8.
	Concurrency int
	// MaxContents is how many images are looked into, those of containers first; zero means 200.
	MaxContents int
	// SensitivityLabel and TenantLabel are names of labels; empty means io.bulkhead.sensitivity and io.bulkhead.tenant.
	SensitivityLabel, TenantLabel string
	// Getenv replaces os.Getenv.
	Getenv func(string) string
}

// Collector reads an engine. Answers that several parts need are asked for once.
type Collector struct {
	c *Client
	o Options

	infoOnce    once[system.Info]
	listOnce    once[[]container.Summary]
	volumesOnce once[map[string]volume.Volume]
	daemonOnce  once[daemon]
	configOnce  once[settings]
	mu          sync.Mutex
	images      map[string]*once[client.ImageInspectResult]
}

// New makes the collectors of a connected engine.
func New(c *Client, o Options) *Collector {
	if o.Concurrency <= 0 {
		o.Concurrency = 8
	}
	if o.MaxContents <= 0 {
		o.MaxContents = 200
	}
	if o.SensitivityLabel == "" {
		o.SensitivityLabel = "io.bulkhead.sensitivity"
	}
	if o.TenantLabel == "" {
		o.TenantLabel = "io.bulkhead.tenant"
	}
	return &Collector{c: c, o: o, images: map[string]*once[client.ImageInspectResult]{}}
}

// Collectors lists the parts in the order in which their facts are put into the snapshot: usage needs the engine.
func (e *Collector) Collectors() []model.Collector {
	return []model.Collector{
		{Name: "docker.engine", Paths: []string{"/engine"}, Deadline: 8 * time.Second, Collect: e.Engine},
		{Name: "docker.usage", Paths: []string{"/engine/usage"}, Deadline: 4 * time.Second, Collect: e.Usage},
		{Name: "docker.containers", Paths: []string{"/containers"}, Deadline: 10 * time.Second, Collect: e.Containers},
		{Name: "docker.images", Paths: []string{"/images"}, Deadline: 12 * time.Second, Collect: e.Images},
		{Name: "docker.networks", Paths: []string{"/networks"}, Deadline: 8 * time.Second, Collect: e.Networks},
		{Name: "docker.swarm", Paths: []string{"/swarm"}, Deadline: 8 * time.Second, Collect: e.Swarm},
	}
}

// host is a path of the host as this process sees it.
func (e *Collector) host(path ...string) string {
	root := e.o.Root
	if root == "" {
		root = "/"
	}
	return filepath.Join(append([]string{root}, path...)...)
}

func (e *Collector) info(ctx context.Context) (system.Info, error) {
	return e.infoOnce.get(ctx, func(ctx context.Context) (system.Info, error) {
		res, err := e.c.api.Info(ctx, client.InfoOptions{})
		return res.Info, err
	})
}

func (e *Collector) list(ctx context.Context) ([]container.Summary, error) {
	return e.listOnce.get(ctx, func(ctx context.Context) ([]container.Summary, error) {
		res, err := e.c.api.ContainerList(ctx, client.ContainerListOptions{All: true})
		return res.Items, err
	})
}

func (e *Collector) volumes(ctx context.Context) (map[string]volume.Volume, error) {
	return e.volumesOnce.get(ctx, func(ctx context.Context) (map[string]volume.Volume, error) {
		res, err := e.c.api.VolumeList(ctx, client.VolumeListOptions{})
		m := make(map[string]volume.Volume, len(res.Items))
		for _, v := range res.Items {
			m[v.Name] = v
		}
		return m, err
	})
}

func (e *Collector) image(ctx context.Context, id string) (client.ImageInspectResult, error) {
	e.mu.Lock()
	o := e.images[id]
	if o == nil {
		o = &once[client.ImageInspectResult]{}
		e.images[id] = o
	}
	e.mu.Unlock()
	return o.get(ctx, func(ctx context.Context) (client.ImageInspectResult, error) { return e.c.api.ImageInspect(ctx, id) })
}

// once shares one answer. An answer that was cut off by its asker's deadline is asked for again.
type once[T any] struct {
	mu   sync.Mutex
	done bool
	v    T
	err  error
}

func (o *once[T]) get(ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.done {
		if err := ctx.Err(); err != nil {
			var none T
			return none, err
		}
		o.v, o.err = ask(ctx)
		o.done = o.err == nil || ctx.Err() == nil
	}
	return o.v, o.err
}

// each runs f for 0..n-1, some at a time, until ctx is over.
func (e *Collector) each(ctx context.Context, n int, f func(i int)) {
	next := make(chan int)
	var wg conc.WaitGroup // a panic is the collector's
	for range min(e.o.Concurrency, n) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		select {
		case next <- i:
		case <-ctx.Done(): // nobody takes it where all failed
		}
	}
	close(next)
	wg.Wait()
}
