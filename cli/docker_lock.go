package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/lock"
)

// EngineLock locks the sockets of this machine's engines. *lock.Lock is one.
type EngineLock interface {
	// Plan says what Lock would do.
	Plan(ctx context.Context) (*lock.Plan, error)
	// Lock makes the sockets the guard's alone; a *lock.Refusal says why not.
	Lock(ctx context.Context, by string) (*lock.Plan, error)
	// Unlock puts back what was there; notes say what could not be.
	Unlock(ctx context.Context, by string) (done bool, notes []string, err error)
	Status(ctx context.Context) (*lock.Status, error)
}

// OpenEngineLock gives the lock by the configuration.
type OpenEngineLock func(c config.Config) (EngineLock, error)

func (a *App) dockerLockCommand() *cobra.Command {
	var dry, yes bool
	cmd := verb("lock", "Make the sockets of Docker, containerd and Podman reachable for the guard alone", 0,
		func(ctx context.Context, _ []string) error { return a.dockerLock(ctx, dry, yes) })
	cmd.Long = `Takes the engine's own sockets away from everybody but root and the guard, now and when the engine starts again, and keeps what was
there: "bulkhead docker unlock" puts it back. No engine is started or stopped. The running guard watches the lock from then on.
It refuses while no guard runs, or where you or the guard would be locked out. Root can always unlock (docs/guard-lock.md).
Needs root. Exit code 2 when it refuses.`
	cmd.Example = `  bulkhead docker lock --dry-run
  sudo bulkhead docker lock
  sudo bulkhead docker lock --yes -o json`
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would be done, and do nothing; exit 2 when it would refuse")
	return yesFlag(cmd, &yes)
}

func (a *App) openLock() (EngineLock, string, error) {
	format, err := a.format("text", "json")
	if err != nil {
		return nil, "", err
	}
	l, err := a.EngineLock(a.cfg)
	return l, format, err
}

func (a *App) dockerLock(ctx context.Context, dry, yes bool) error {
	l, format, err := a.openLock()
	if err != nil {
		return err
	}
	p, err := l.Plan(ctx)
	if err != nil {
		return err
	}
	switch {
	case dry && format == "json":
		err = a.printJSON(p)
	case format == "text":
		a.printPlan(p)
	}
	if err != nil {
		return err
	}
	if len(p.Refused) > 0 {
		if !dry && format == "json" {
			if err := a.printJSON(p); err != nil {
				return err
			}
		}
		return errNo{(&lock.Refusal{Why: p.Refused}).Error()}
	}
	if dry {
		return nil
	}
	if err := a.confirm(yes, "make these sockets the guard's alone"); err != nil {
		return err
	}
	return a.lockNow(ctx, l, format)
}

func (a *App) lockNow(ctx context.Context, l EngineLock, format string) error {
	p, err := l.Lock(ctx, a.caller())
	var no *lock.Refusal
	if errors.As(err, &no) {
		return errNo{no.Error()}
	}
	if err != nil {
		return err
	}
	if format == "json" {
		return a.printJSON(p)
	}
	fmt.Fprintln(a.Out, "\nLocked. `bulkhead docker status` says how it stands, `bulkhead docker unlock` puts back what was there.")
	return nil
}

// caller is who runs this: the login, and what sudo says.
func (a *App) caller() string { return plain(lock.Caller(a.environ)) }

func (a *App) printPlan(p *lock.Plan) {
	rows := make([][]string, 0, len(p.Sockets))
	for _, s := range p.Sockets {
		kept := s.KeptBy
		if kept == "" {
			kept = "the guard, within a second"
		}
		rows = append(rows, []string{s.Engine, s.Path, s.Now, s.Then, kept})
	}
	a.table("No socket of an engine was found.", []string{"ENGINE", "SOCKET", "NOW", "LOCKED", "KEPT AT A RESTART BY"}, rows)
	for _, f := range p.Files {
		fmt.Fprintf(a.Out, "\n%s (%s):\n", plain(f.Path), plain(f.Why))
		a.printLines("- ", f.Before)
		a.printLines("+ ", f.After)
	}
	a.printList("To be done by you, with a restart of the engine:", p.Restart)
	a.printList("Note:", p.Warnings)
	a.printList("It can't be locked now:", p.Refused)
}

func (a *App) printLines(mark, text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintln(a.Out, "  "+mark+plain(strings.TrimRight(line, "\n")))
	}
}

func (a *App) printList(title string, list []string) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(a.Out, "\n"+title)
	for _, s := range list {
		fmt.Fprintln(a.Out, "  - "+plain(s))
	}
}

func (a *App) dockerUnlockCommand() *cobra.Command {
	var yes bool
	cmd := verb("unlock", "Give the sockets of the engines back the rights that they had before the lock", 0,
		func(ctx context.Context, _ []string) error { return a.dockerUnlock(ctx, yes) })
	cmd.Long = `Puts back owner, mode and access control list of every socket and each changed file as they were before "bulkhead docker lock". It needs
neither guard nor control plane: this is the way back when the guard is broken. Where nothing is locked, nothing is done. Needs root.`
	cmd.Example = `  sudo bulkhead docker unlock
  sudo bulkhead docker unlock --yes`
	return yesFlag(cmd, &yes)
}

func (a *App) dockerUnlock(ctx context.Context, yes bool) error {
	l, format, err := a.openLock()
	if err != nil {
		return err
	}
	if err := a.confirm(yes, "let everybody past the guard who could reach the engines before they were locked"); err != nil {
		return err
	}
	done, notes, err := l.Unlock(ctx, a.caller())
	if err != nil {
		return err
	}
	if format == "json" {
		if notes == nil {
			notes = []string{}
		}
		return a.printJSON(map[string]any{"unlocked": done, "notes": notes})
	}
	if !done {
		fmt.Fprintln(a.Out, "Nothing was locked.")
		return nil
	}
	fmt.Fprintln(a.Out, "Unlocked: the sockets are as they were.")
	a.printList("Note:", notes)
	return nil
}

func (a *App) dockerStatusCommand() *cobra.Command {
	cmd := verb("status", "Say whether the engines' sockets are locked, since when, and what is wrong", 0,
		func(ctx context.Context, _ []string) error { return a.dockerStatus(ctx) })
	cmd.Long = `Looks at the sockets, who can and does use them, TCP listeners, containers that hold one, and whether the guard runs. Exit code 2 when
they are not locked, or something is not as it should be.`
	cmd.Example = `  sudo bulkhead docker status
  sudo bulkhead docker status --output json`
	return cmd
}

func (a *App) dockerStatus(ctx context.Context) error {
	l, format, err := a.openLock()
	if err != nil {
		return err
	}
	s, err := l.Status(ctx)
	if err != nil {
		return err
	}
	if format == "json" {
		err = a.printJSON(s)
	} else {
		a.printLock(s)
	}
	switch {
	case err != nil:
		return err
	case !s.Locked:
		return errNo{"the engine's sockets are not locked"}
	case !s.OK():
		return errNo{"something is not as it should be"}
	}
	return nil
}

func (a *App) printLock(s *lock.Status) {
	switch {
	case s.Locked:
		fmt.Fprintf(a.Out, "Locked since %s by %s.\n", stamp(s.Since), plain(s.By))
	case s.Phase != "":
		fmt.Fprintf(a.Out, "Half way: %s. Run `bulkhead docker lock` or `bulkhead docker unlock` again.\n", s.Phase)
	default:
		fmt.Fprintln(a.Out, "Not locked.")
	}
	if g := s.Guard; g != nil {
		fmt.Fprintf(a.Out, "The guard runs (pid %d, mode %s, profile %s) before %s.\n", g.PID, g.Mode, plain(g.Profile), plain(g.Engine))
	} else {
		fmt.Fprintln(a.Out, plain(strings.ToUpper(s.NoGuard[:1])+s.NoGuard[1:])+".")
	}
	fmt.Fprintln(a.Out)
	rows := make([][]string, 0, len(s.Sockets))
	for _, k := range s.Sockets {
		now := k.Now
		if now == "" {
			now = "not there"
		}
		rows = append(rows, []string{k.Engine, k.Path, now, k.Was})
	}
	a.table("No socket of an engine was found.", []string{"ENGINE", "SOCKET", "NOW", "BEFORE THE LOCK"}, rows)
	var problems []string
	for _, p := range s.Problems {
		text := p.Text.EN
		if a.cfg.Lang == "zh" && p.Text.ZH != "" {
			text = p.Text.ZH
		}
		if p.Remedy != "" {
			text += " — " + p.Remedy
		}
		problems = append(problems, fmt.Sprintf("%s (%s): %s", p.Kind, p.Severity, text))
	}
	a.printList("Wrong:", problems)
	a.printList("Could not be looked at:", s.Blind)
}
