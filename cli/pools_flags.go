package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// poolFlags are what a pool can be made of on the command line.
type poolFlags struct {
	description            string
	every, soak            time.Duration
	assess                 string
	steps                  []int32
	mostFindings, failures int32
	back                   bool
	windows                []string
}

func (f *poolFlags) bind(cmd *cobra.Command) {
	b := cmd.Flags()
	b.StringVar(&f.description, "description", "", "`text`: what the pool is for")
	b.DurationVar(&f.every, "collect-every", 0, "how often facts are collected, 10s to 1h (default 30s)")
	b.StringVar(&f.assess, "assess", "", "`file` with settings of the checks, as under \"assess\" in the configuration file; empty for the server's")
	b.Int32SliceVar(&f.steps, "step", nil, "`percent` of the nodes that get a change at once, rising; can be given more than once")
	b.DurationVar(&f.soak, "soak", 0, "how long each step must be quiet before the next, at most 168h")
	b.Int32Var(&f.mostFindings, "most-findings", 0, "new findings in `percent` of the nodes that have a change, above which it halts")
	b.Int32Var(&f.failures, "most-failures", 0, "nodes that refused a change or went silent with it in `percent`, above which it halts")
	b.BoolVar(&f.back, "roll-back", false, "go back to the settings before by itself, instead of only halting")
	b.StringArrayVar(&f.windows, "window", nil, "maintenance `window`: 'CRON for DURATION in ZONE', e.g. '0 2 * * 6 for 4h in Europe/Berlin'; can be given more than once")
}

// fields are the flags with the fields of a pool that they change.
func (f *poolFlags) fields() map[string]string {
	return map[string]string{
		"description": "description", "collect-every": "settings", "assess": "settings", "step": "plan", "soak": "plan", "most-findings": "plan",
		"most-failures": "plan", "roll-back": "plan", "window": "windows",
	}
}

// fill puts what was given into a pool and leaves the rest of it as it is.
func (f *poolFlags) fill(cmd *cobra.Command, p *bulkheadv1.Pool) (err error) {
	if p.Settings == nil {
		p.Settings = &bulkheadv1.PoolSettings{}
	}
	if p.Plan == nil {
		p.Plan = &bulkheadv1.RolloutPlan{}
	}
	for flag, set := range map[string]func(){
		"description":   func() { p.Description = f.description },
		"collect-every": func() { p.Settings.CollectEvery = durationpb.New(f.every) },
		"step":          func() { p.Plan.Steps = f.steps },
		"soak":          func() { p.Plan.Soak = durationpb.New(f.soak) },
		"most-findings": func() { p.Plan.MostFindings = f.mostFindings },
		"most-failures": func() { p.Plan.MostFailures = f.failures },
		"roll-back":     func() { p.Plan.RollBack = f.back },
	} {
		if cmd.Flags().Changed(flag) {
			set()
		}
	}
	if cmd.Flags().Changed("assess") {
		if p.Settings.Assess, err = assessFile(f.assess); err != nil {
			return err
		}
	}
	if cmd.Flags().Changed("window") {
		p.Windows, err = windowsOf(f.windows)
	}
	return err
}

// assessFile reads settings in YAML or JSON, none for no file.
func assessFile(path string) (*structpb.Struct, error) {
	if path == "" {
		return nil, nil
	}
	const most = 64 << 10
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the settings: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(file, most+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("read the settings: %w", err)
	}
	if len(b) > most {
		return nil, fmt.Errorf("read the settings: %s is larger than 64 KiB", path)
	}
	var m map[string]any
	if err := yaml.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("read the settings in %s: %s", path, yaml.FormatError(err, false, true))
	}
	if inner, ok := m["assess"].(map[string]any); ok && len(m) == 1 { // the part of a configuration file, with its name
		m = inner
	}
	s, err := structpb.NewStruct(m)
	if err != nil {
		return nil, fmt.Errorf("read the settings in %s: %w", path, err)
	}
	return s, nil
}

// windowsOf reads windows; one empty text means none at all.
func windowsOf(texts []string) ([]*bulkheadv1.Window, error) {
	var out []*bulkheadv1.Window
	for _, text := range texts {
		if text == "" && len(texts) == 1 {
			return nil, nil
		}
		begins, rest, ok := strings.Cut(text, " for ")
		lasts, zone, _ := strings.Cut(rest, " in ")
		d, err := time.ParseDuration(strings.TrimSpace(lasts))
		if !ok || err != nil {
			return nil, fmt.Errorf("invalid argument %q for --window: write e.g. '0 2 * * 6 for 4h in Europe/Berlin'", text)
		}
		out = append(out, &bulkheadv1.Window{Begins: strings.TrimSpace(begins), Lasts: durationpb.New(d), Zone: strings.TrimSpace(zone)})
	}
	return out, nil
}

func windowText(w *bulkheadv1.Window) string {
	zone := w.GetZone()
	if zone == "" {
		zone = "UTC"
	}
	return fmt.Sprintf("%s for %s in %s", w.GetBegins(), w.GetLasts().AsDuration(), zone)
}

func planText(p *bulkheadv1.RolloutPlan) string {
	if len(p.GetSteps()) == 0 {
		return "all at once"
	}
	steps := make([]string, len(p.GetSteps()))
	for i, s := range p.GetSteps() {
		steps[i] = fmt.Sprintf("%d%%", s)
	}
	text := strings.Join(steps, ", ")
	if d := p.GetSoak().AsDuration(); d > 0 {
		text += " every " + d.String()
	}
	if p.GetRollBack() {
		text += ", rolls back"
	}
	return text
}
