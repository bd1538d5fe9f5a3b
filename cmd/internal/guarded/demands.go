package guarded

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-security/bulkhead/cmd/internal/clock"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/model"
)

// Actions of records of a guard itself: that it began, with what it demands of calls, and that this became another while it runs.
const (
	actionStart  = "GuardStart"
	actionUpdate = "GuardUpdate"
)

// recordTime is how long the record of it is waited for, and mostFile how much of the file its digest is made of.
const (
	recordTime = 10 * time.Second
	mostFile   = 16 << 20
)

// demandsOf is what a configuration demands of calls beside policies.
func demandsOf(c *config.Guard) judge.Demands {
	return judge.Demands{Mode: judge.Mode(c.Mode), StepUp: c.StepUp, FourEyes: c.FourEyes, Registries: c.Registries}
}

// demand takes the mode and what else is demanded of calls from a configuration that was read again. It is recorded first: what can't be
// recorded stays as it was.
func (g *Raised) demand(c *config.Guard) error {
	if err := checkActions(*c); err != nil {
		return err
	}
	if g.people == nil {
		if err := checkAlone(*c); err != nil {
			return err
		}
	}
	changed, err := g.demandAll(c)
	if changed {
		g.tell()
	}
	return err
}

func (g *Raised) demandAll(c *config.Guard) (changed bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	said := map[string]string{}
	for name, now := range demanded(c) {
		if was := demanded(&g.was)[name]; was != now {
			said[name] = was + " -> " + now
		}
	}
	if len(said) == 0 {
		return false, nil
	}
	if err := g.recordOwn(actionUpdate, "the guard's configuration was read again", said); err != nil {
		return false, fmt.Errorf("guard.mode and what else is demanded of calls stay as they were, since the change can't be recorded: %w", err)
	}
	g.engine.judge.Demand(demandsOf(c))
	g.was.Mode, g.was.StepUp, g.was.FourEyes, g.was.Registries = c.Mode, c.StepUp, c.FourEyes, c.Registries
	g.status.Mode = model.ControlMode(c.Mode)
	g.log.Warn("what the guard demands of calls changed with its configuration", "changed", said, "file", g.file)
	return true, nil
}

// demanded are the settings that are taken while a guard runs, beside accounts and policies, as text.
func demanded(c *config.Guard) map[string]string {
	text := func(list []string) string { return "[" + strings.Join(list, ", ") + "]" }
	return map[string]string{
		"guard.mode": c.Mode, "guard.step_up": text(c.StepUp), "guard.four_eyes": text(c.FourEyes), "guard.registries": text(c.Registries),
	}
}

// later are the settings of a configuration that are others than those in force, and are not taken while a guard runs.
func (g *Raised) later(c *config.Guard) (list []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, was := reflect.ValueOf(*c), reflect.ValueOf(g.was)
	for i := range now.NumField() {
		name := now.Type().Field(i).Tag.Get("yaml")
		switch name {
		case "accounts", "policies", "mode", "step_up", "four_eyes", "registries":
		default:
			if !reflect.DeepEqual(now.Field(i).Interface(), was.Field(i).Interface()) {
				list = append(list, "guard."+name)
			}
		}
	}
	slices.Sort(list)
	return list
}

// recordStart puts into the log that the guard begins, and with what. Where that can't be, it begins all the same: it refuses every change
// until it can be recorded.
func (g *Raised) recordStart(c *config.Guard) {
	said := demanded(c)
	said["guard.profile"], said["guard.build"], said["version"] = c.Profile, c.Build, g.status.Version
	if err := g.recordOwn(actionStart, "the guard began", said); err != nil {
		g.log.Error("that the guard began could not be recorded", "error", err)
	}
}

// recordOwn puts into the log what the guard itself did, and of its configuration's file as it is now, who owns it and what is in it.
func (g *Raised) recordOwn(action, why string, said map[string]string) error {
	id, err := judge.NewID()
	if err != nil {
		return err
	}
	r := model.Record{
		ID: id, Time: clock.Now(), Actor: "local", ActorName: "configuration", Tenant: g.tenant, Action: action, Outcome: model.OutcomeAllowed,
		Resource: model.Ref{Type: "Host", ID: g.host}, Address: "process " + strconv.Itoa(os.Getpid()),
		Reason: why, Changes: ofFile(g.file),
	}
	for name, change := range said {
		r.Changes[name] = change
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordTime)
	defer cancel()
	return g.records.Append(ctx, r)
}

// ofFile says of a file whose it is, when it changed and what is in it: by that it can be told who changed it. What can't be read is left out.
func ofFile(path string) map[string]string {
	said := map[string]string{}
	if path == "" {
		return said
	}
	said["file"] = path
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // of a pipe nobody may be at the other end any more
	if err != nil {
		return said
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return said
	}
	said["file_changed"] = info.ModTime().UTC().Format(time.RFC3339)
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		said["file_owner"] = "uid " + strconv.FormatUint(uint64(st.Uid), 10)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.LimitReader(f, mostFile)); err == nil {
		said["file_sha256"] = hex.EncodeToString(sum.Sum(nil))
	}
	return said
}
