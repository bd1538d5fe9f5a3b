package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/fleet/rollout"
	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// Limits of a pool's settings.
const (
	leastCollect = 10 * time.Second
	mostCollect  = time.Hour
	mostAssess   = 64 << 10 // bytes of JSON
)

// fillPool puts what is wanted of a message into a pool, if it makes sense.
func fillPool(p *model.Pool, in *bulkheadv1.Pool, want map[string]bool, now time.Time) error {
	if want["description"] {
		p.Description = in.GetDescription()
	}
	var err error
	if want["settings"] {
		if p.Settings, err = settingsIn(in.GetSettings()); err != nil {
			return err
		}
	}
	if want["plan"] {
		if p.Plan, err = planIn(in.GetPlan()); err != nil {
			return err
		}
	}
	if want["windows"] {
		p.Windows = nil
		for i, w := range in.GetWindows() {
			window, err := windowIn(fmt.Sprintf("pool.windows[%d]", i), w, now)
			if err != nil {
				return err
			}
			p.Windows = append(p.Windows, window)
		}
	}
	return nil
}

func settingsIn(in *bulkheadv1.PoolSettings) (model.PoolSettings, error) {
	s := model.PoolSettings{CollectEvery: in.GetCollectEvery().AsDuration()}
	if s.CollectEvery != 0 && (s.CollectEvery < leastCollect || s.CollectEvery > mostCollect) {
		return s, invalid("pool.settings.collect_every", fmt.Sprintf("it is %s to %s, or 0 for the default", leastCollect, mostCollect))
	}
	if len(in.GetAssess().GetFields()) == 0 {
		return s, nil
	}
	s.Assess = in.GetAssess().AsMap()
	return s, checkAssess("pool.settings.assess", s.Assess)
}

// checkAssess holds settings of the checks to what the configuration file may have under "assess".
func checkAssess(field string, settings map[string]any) error {
	b, err := json.Marshal(settings)
	if err != nil {
		return invalid(field, "it is no JSON")
	}
	if len(b) > mostAssess {
		return &model.Error{Code: model.CodeTooLarge, Message: fmt.Sprintf("%s: it has %d bytes, more than %d", field, len(b), mostAssess), Field: field}
	}
	into := assess.DefaultSettings()
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err = d.Decode(&into)
	if err == nil {
		err = into.Validate()
	}
	if err != nil {
		return &model.Error{
			Code: model.CodeInvalid, Message: field + ": " + short(err), Field: field,
			Remedy: "Write it as under `assess:` in the configuration file; docs/configuration.md has every setting.", Err: err,
		}
	}
	return nil
}

func planIn(in *bulkheadv1.RolloutPlan) (model.RolloutPlan, error) {
	p := model.RolloutPlan{
		Soak: in.GetSoak().AsDuration(), MostFindings: int(in.GetMostFindings()), MostFailures: int(in.GetMostFailures()), RollBack: in.GetRollBack(),
	}
	last := 0
	for _, step := range in.GetSteps() {
		if int(step) <= last {
			return p, invalid("pool.plan.steps", "the shares must rise, e.g. 5, 25, 100")
		}
		last = int(step)
		p.Steps = append(p.Steps, last)
	}
	if last != 0 && last != 100 {
		p.Steps = append(p.Steps, 100)
	}
	return p, nil
}

// windowIn reads a window; one that never begins is an error.
func windowIn(field string, in *bulkheadv1.Window, now time.Time) (model.Window, error) {
	w := model.Window{Begins: in.GetBegins(), Lasts: in.GetLasts().AsDuration(), Zone: in.GetZone()}
	if w.Zone == "Local" { // each replica's own
		return w, invalid(field+".zone", "name a time zone, e.g. Europe/Berlin")
	}
	zone, err := time.LoadLocation(w.Zone)
	if err != nil {
		return w, invalid(field+".zone", "there is no such time zone; take a name of the IANA database, e.g. Europe/Berlin")
	}
	schedule, err := parseCron(w.Begins)
	if err != nil {
		return w, &model.Error{
			Code: model.CodeInvalid, Message: field + ".begins: " + short(err), Field: field + ".begins",
			Remedy: "Write minute, hour, day of the month, month and day of the week, e.g. \"0 2 * * 6\" for Saturdays at two.", Err: err,
		}
	}
	if schedule.Next(now.In(zone)).IsZero() {
		return w, invalid(field+".begins", "that day never comes")
	}
	return w, nil
}

// parseCron reads the five fields of cron(5). What else the library knows, such as "@daily" or "TZ=…", is refused: the zone has a
// field of its own.
func parseCron(text string) (cron.Schedule, error) {
	if fields := strings.Fields(text); len(fields) != 5 || slices.ContainsFunc(fields, func(f string) bool { return strings.ContainsAny(f, "=@") }) {
		return nil, fmt.Errorf("it is not five fields")
	}
	return cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(text)
}

func poolOut(p *model.Pool, now time.Time) (*bulkheadv1.Pool, error) {
	out := &bulkheadv1.Pool{
		Id: p.ID, Tenant: p.Tenant, Name: p.Name, Description: p.Description, Created: stamp(p.Created), Version: p.Version,
		Settings: &bulkheadv1.PoolSettings{CollectEvery: span(p.Settings.CollectEvery)}, Plan: planOut(p.Plan),
	}
	if len(p.Settings.Assess) > 0 {
		m, err := structpb.NewStruct(p.Settings.Assess)
		if err != nil {
			return nil, &model.Error{Code: model.CodeInternal, Message: "the pool's settings can't be read", Err: err}
		}
		out.Settings.Assess = m
	}
	for _, w := range p.Windows {
		out.Windows = append(out.Windows, &bulkheadv1.Window{Begins: w.Begins, Lasts: span(w.Lasts), Zone: w.Zone})
		next := rollout.NextWindow(w, now)
		if next.IsZero() { // lists have a place for each
			next = time.Unix(0, 0)
		}
		out.NextWindows = append(out.NextWindows, timestamppb.New(next))
	}
	return out, nil
}

func planOut(p model.RolloutPlan) *bulkheadv1.RolloutPlan {
	out := &bulkheadv1.RolloutPlan{Soak: span(p.Soak), MostFindings: small(p.MostFindings), MostFailures: small(p.MostFailures), RollBack: p.RollBack}
	for _, step := range p.Steps {
		out.Steps = append(out.Steps, small(step))
	}
	return out
}

// span is nil for no time at all.
func span(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

func small(n int) int32 { return int32(min(max(n, 0), math.MaxInt32)) }
