// Command bench measures the product beside a peer or a baseline in the same run and prints, per line, name, our figure,
// the other figure, the ratio and the target. It writes the same as JSON. It is called by `make bench`, needs root, and
// starts an engine on a directory of its own.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"text/tabwriter"
)

// line is one measured figure. Ratio is other/ours, so that larger is better for us; 0 where there is no other figure.
type line struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Ours   float64 `json:"ours"`
	Other  float64 `json:"other,omitempty"`
	What   string  `json:"other_is,omitempty"`
	Ratio  float64 `json:"ratio,omitempty"`
	Target string  `json:"target"`
	Met    bool    `json:"met"`
}

func main() {
	bin := flag.String("bin", "bin/bulkhead", "the product")
	out := flag.String("out", "bench.json", "where the figures go")
	containers := flag.Int("containers", 100, "containers on the engine")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	lines, err := all(ctx, *bin, *containers)
	stop()
	if err == nil {
		err = write(lines, *out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func all(ctx context.Context, bin string, containers int) ([]line, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	plane, err := planeBench(ctx, bin)
	if err != nil {
		return nil, err
	}
	door, err := guardLines(ctx, bin)
	if err != nil {
		return nil, err
	}
	node, err := assessBench(ctx, bin, containers)
	return slices.Concat(node, door, plane), err
}

// sorted puts lines in the order of their names.
func sorted(lines []line) []line {
	slices.SortFunc(lines, func(a, b line) int { return cmp.Compare(a.Name, b.Name) })
	return lines
}

func write(lines []line, path string) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tOURS\tOTHER\tRATIO\tTARGET\tMET")
	for _, l := range lines {
		other, ratio := "-", "-"
		if l.What != "" {
			other = fmt.Sprintf("%.4g %s (%s)", l.Other, l.Unit, l.What)
			ratio = fmt.Sprintf("%.1f", l.Ratio)
		}
		fmt.Fprintf(w, "%s\t%.4g %s\t%s\t%s\t%s\t%v\n", l.Name, l.Ours, l.Unit, other, ratio, l.Target, l.Met)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	body, err := json.MarshalIndent(lines, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(body, '\n'), 0o644)
}
