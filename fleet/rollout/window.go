package rollout

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/bulkhead-security/bulkhead/model"
)

// Bounds of a window's length.
const (
	ShortestWindow = time.Minute
	LongestWindow  = 7 * 24 * time.Hour
)

// CheckWindow says what is wrong with a window.
func CheckWindow(w model.Window) error {
	_, _, err := parse(w)
	return err
}

func parse(w model.Window) (cron.Schedule, *time.Location, error) {
	if w.Lasts < ShortestWindow || w.Lasts > LongestWindow {
		return nil, nil, fmt.Errorf("a window lasts %s to %s, not %s", ShortestWindow, LongestWindow, w.Lasts)
	}
	zone := time.UTC
	if w.Zone != "" {
		var err error
		if zone, err = time.LoadLocation(w.Zone); err != nil || w.Zone == "Local" {
			return nil, nil, fmt.Errorf("%.64q is no time zone that is known here; write e.g. Europe/Berlin", w.Zone)
		}
	}
	// The zone is a field of its own, and cron's shorthands are not five fields.
	if len(w.Begins) > 100 || strings.ContainsAny(w.Begins, "=@") {
		return nil, nil, fmt.Errorf("%.100q are not the five fields of cron(5), e.g. \"0 2 * * 6\"", w.Begins)
	}
	s, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(w.Begins)
	if err != nil {
		return nil, nil, fmt.Errorf("%.100q are not the five fields of cron(5), e.g. \"0 2 * * 6\": %w", w.Begins, err)
	}
	return s, zone, nil
}

// shift is more than clocks are ever set forward or back by.
const shift = 3 * time.Hour

// Open says whether one of the windows is open: it began and is not over. Without windows none is. A window that can't be
// understood is never open.
//
// Windows begin by the clock on the wall, once each: where clocks are set forward over the beginning it is then, and where they are
// set back it is the first of the two.
func Open(windows []model.Window, now time.Time) bool {
	for _, w := range windows {
		s, zone, err := parse(w)
		if err == nil && isOpen(s, zone, w.Lasts, now) {
			return true
		}
	}
	return false
}

// NextWindow is when a window begins next; no time where it never does or can't be understood.
func NextWindow(w model.Window, now time.Time) time.Time {
	s, zone, err := parse(w)
	if err != nil {
		return time.Time{}
	}
	for at := s.Next(onWall(now.In(zone)).Add(-shift)); !at.IsZero(); at = s.Next(at) {
		if begin := fromWall(at, zone); begin.After(now) {
			return begin
		}
	}
	return time.Time{}
}

func isOpen(s cron.Schedule, zone *time.Location, lasts time.Duration, now time.Time) bool {
	wall := onWall(now.In(zone))
	for w := s.Next(wall.Add(-lasts - shift)); !w.IsZero() && !w.After(wall.Add(shift)); w = s.Next(w) {
		begin := fromWall(w, zone)
		if !begin.After(now) && now.Before(begin.Add(lasts)) {
			return true
		}
	}
	return false
}

// onWall is what the clock on the wall shows, as if it were UTC, which has no summer.
func onWall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// fromWall is the first moment at which the wall showed a time; where it never did, when it would have without the shift.
func fromWall(wall time.Time, zone *time.Location) time.Time {
	some := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, zone)
	_, before := some.Add(-shift).Zone()
	first := wall.Add(-time.Duration(before) * time.Second).In(zone)
	if onWall(first).Equal(wall) || !onWall(some).Equal(wall) {
		return first
	}
	return some
}

// MayWork says whether work may be done: always where there are no windows, else while one is open.
func MayWork(windows []model.Window, now time.Time) bool {
	return len(windows) == 0 || Open(windows, now)
}
