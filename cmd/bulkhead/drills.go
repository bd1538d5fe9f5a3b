package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/alexedwards/argon2id"
	"k8s.io/klog/v2"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/drill"
	"github.com/bulkhead-security/bulkhead/identity/authn"
	"github.com/bulkhead-security/bulkhead/model"
)

// drills runs the attacks on throw-away control planes in this process, and in processes of their own where one is to be killed.
type drills struct {
	version string
}

// List implements cli.Drills.
func (d *drills) List(requirement string) []model.Drill {
	var list []model.Drill
	for _, x := range drill.All() {
		if requirement == "" || x.Requirement == requirement {
			list = append(list, x.Drill)
		}
	}
	return list
}

// Run implements cli.Drills.
func (d *drills) Run(ctx context.Context, ids []string, requirement, engineBin string, tell func(r model.DrillResult, done, all int)) (model.DrillReport, error) {
	chosen, err := choose(ids, requirement)
	if err != nil {
		return model.DrillReport{}, err
	}
	klog.SetSlogLogger(slog.New(slog.DiscardHandler)) // tessera's
	l := &launcher{version: d.version, engines: &engines{bin: engineBin}}
	report := drill.Run(ctx, l, chosen, tell)
	return report, l.close(ctx)
}

// Here implements cli.Drills.
func (d *drills) Here(ctx context.Context, ids []string, requirement, socket string, tell func(r model.DrillResult, done, all int)) (model.DrillReport, error) {
	chosen, err := choose(ids, requirement)
	if err != nil {
		return model.DrillReport{}, err
	}
	return drill.Here(ctx, socket, chosen, tell)
}

func choose(ids []string, requirement string) ([]drill.Drill, error) {
	chosen, err := drill.Pick(drill.All(), ids, requirement)
	if err == nil && len(chosen) == 0 {
		err = fmt.Errorf("there is no drill for requirement %q; `bulkhead drill list` shows them", requirement)
	}
	return chosen, err
}

// launcher makes control planes that live for one half of a drill, each in a directory of its own that is removed
// afterwards.
type launcher struct {
	version string
	*engines
}

// Launch implements drill.Launcher.
func (l *launcher) Launch(ctx context.Context, off drill.Control) (_ *drill.Plane, err error) {
	dir, err := os.MkdirTemp("", "bulkhead-drill-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	var ahead atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	out, err := leaveOut(off, clock)
	if err != nil {
		return nil, err
	}
	c := config.Default().Server
	c.Listen, c.DataDir, c.MasterKeyFile, c.Name, c.Limits.Drain = "127.0.0.1:0", dir, dir+"/master.key", "drill", 5*time.Second
	p, err := openPlane(ctx, planeOptions{
		config: c, version: l.version, now: clock, adapt: out.adapt, assess: config.Default().Assess, times: out.times,
	})
	if err != nil {
		return nil, err
	}
	code, _, err := p.authn.Bootstrap(ctx)
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- p.run(run) }()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(p.certs.CAPEM())
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots}, ForceAttemptHTTP2: true}
	return &drill.Plane{
		URL: p.c.PublicURL, HTTP: &http.Client{Transport: transport, Timeout: 30 * time.Second}, Roots: roots, Enrolment: code, Now: clock,
		Advance:                 func(d time.Duration) { ahead.Add(int64(d)) },
		DemandPhishingResistant: out.demand,
		Stop: func(ctx context.Context) error {
			transport.CloseIdleConnections()
			stop()
			select {
			case err := <-done:
				return errors.Join(err, os.RemoveAll(dir))
			case <-ctx.Done():
				return fmt.Errorf("the throw-away control plane in %s does not stop: %w", dir, ctx.Err())
			}
		},
	}, nil
}

// cheap makes passwords of a drill quick: they guard nothing, and live for seconds.
func cheap(o *authn.Options) {
	o.Argon = &argon2id.Params{Memory: 1 << 10, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}
