package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// baseline asks the container checks of docker-bench-security's section 5 with the docker command line, one inspect
// per container and check, as shell-script benchmarks do.
//
//go:embed baseline.sh
var baseline string

// figures of one run of a process with its children.
type figures struct {
	wall, cpu time.Duration
	peakKiB   int64
}

func assessBench(ctx context.Context, bin string, containers int) (lines []line, err error) {
	dir, err := os.MkdirTemp("/var/tmp", "bulkhead-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(os.Stderr, "bench: starting an engine and %d containers\n", containers)
	e, err := lab.StartEngine(ctx, lab.EngineOptions{Kind: lab.Debian, Dir: dir + "/e", Private: true})
	if err != nil {
		return nil, err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		if stopErr := e.Stop(stop); err == nil {
			err = stopErr
		}
	}()
	cli, err := e.Client()
	if err != nil {
		return nil, err
	}
	defer cli.Close()
	if err := lab.StartMany(ctx, cli, containers); err != nil {
		return nil, err
	}

	var runs []figures
	for range 6 {
		f, err := measure(ctx, []string{bin, "assess", "--engine", "unix://" + e.Socket, "-o", "json", "--out", "/dev/null"}, "")
		if err != nil {
			return nil, err
		}
		runs = append(runs, f)
	}
	first, warm := runs[0], median(runs[1:])
	fmt.Fprintf(os.Stderr, "bench: the same container checks by shell script (this takes a few minutes)\n")
	base, err := measure(ctx, []string{"/bin/sh", "-s"}, baseline, "DOCKER_HOST=unix://"+e.Socket)
	if err != nil {
		return nil, err
	}
	name := "assess, " + strconv.Itoa(containers) + " containers: "
	what := "shell script, docker CLI, one inspect per check"
	peak := float64(max(first.peakKiB, warm.peakKiB)) / 1024
	return []line{
		compared(name+"time, first run", "s", first.wall.Seconds(), base.wall.Seconds(), what, "under 2 s", first.wall < 2*time.Second),
		compared(name+"time, median of 5", "s", warm.wall.Seconds(), base.wall.Seconds(), what, "under 2 s", warm.wall < 2*time.Second),
		compared(name+"CPU, median of 5", "s", warm.cpu.Seconds(), base.cpu.Seconds(), what, "20 times less", base.cpu >= 20*warm.cpu),
		{Name: name + "peak memory", Unit: "MiB", Ours: peak, Target: "under 150 MB", Met: peak*1.048576 < 150},
	}, nil
}

func compared(name, unit string, ours, other float64, what, target string, met bool) line {
	return line{Name: name, Unit: unit, Ours: ours, Other: other, What: what, Ratio: other / ours, Target: target, Met: met}
}

func measure(ctx context.Context, args []string, stdin string, env ...string) (figures, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stdout, cmd.Stderr = io.Discard, &stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return figures{}, fmt.Errorf("%s: %w: %s", args[0], err, stderr.String())
	}
	st := cmd.ProcessState
	f := figures{wall: time.Since(start), cpu: st.UserTime() + st.SystemTime()}
	if ru, ok := st.SysUsage().(*syscall.Rusage); ok {
		f.peakKiB = ru.Maxrss
	}
	return f, nil
}

func median(runs []figures) figures {
	pick := func(of func(figures) int64) int64 {
		var v []int64
		for _, r := range runs {
			v = append(v, of(r))
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	return figures{
		wall:    time.Duration(pick(func(f figures) int64 { return int64(f.wall) })),
		cpu:     time.Duration(pick(func(f figures) int64 { return int64(f.cpu) })),
		peakKiB: pick(func(f figures) int64 { return f.peakKiB }),
	}
}
