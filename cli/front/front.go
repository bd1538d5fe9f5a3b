// Package front is what the command lines of both programs begin with: settings of file, environment and flags, the log, how errors are told, and
// the verb that runs the guard alone. It does nothing itself, and has nothing in it that would make a small program large.
package front

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/model"
)

// Options are where those go that every verb has, and that are no settings.
type Options struct {
	File, Output *string
	NoColor      *bool
}

// Flags gives a program the flags that every verb has.
func Flags(root *cobra.Command, c *config.Config, o Options) {
	f := root.PersistentFlags()
	f.StringVar(o.File, "config", "", "configuration `file` (default: /etc/bulkhead/config.yaml, if there)")
	f.StringVarP(o.Output, "output", "o", "text", "output `format`: text, json; see each command for more")
	f.BoolVar(o.NoColor, "no-color", false, "no colour, also on a terminal (NO_COLOR does the same)")
	f.StringVar(&c.Lang, "lang", c.Lang, "`language` of reports: en, zh")
	f.StringVar(&c.Log.Level, "log-level", c.Log.Level, "debug, info, warn, error")
	f.StringVar(&c.Log.Format, "log-format", c.Log.Format, "text, json")
	Complete(root, "lang", "en", "zh")
	Complete(root, "log-level", "debug", "info", "warn", "error")
	Complete(root, "log-format", "text", "json")
}

// Load reads the configuration below the flags: flags are bound to fields of c, so those that were given are set again over what the file and
// the environment say. An empty path is that of the environment, or the default.
func Load(cmd *cobra.Command, path string, environ []string, c *config.Config) error {
	given := map[string]string{}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if _, list := f.Value.(pflag.SliceValue); !list { // to set a list again would append, and none is a setting
			given[f.Name] = f.Value.String()
		}
	})
	if path == "" {
		path = Environ(environ, "BULKHEAD_CONFIG")
	}
	if path == "" {
		path = config.DefaultPath()
	}
	read, err := config.Load(path, environ)
	if err != nil {
		return err
	}
	if path != "" {
		if read.File, err = filepath.Abs(path); err != nil {
			return fmt.Errorf("the configuration %s: %w", path, err)
		}
	}
	*c = read
	for name, value := range given {
		if err := cmd.Flags().Set(name, value); err != nil {
			return fmt.Errorf("--%s: %w", name, err)
		}
	}
	return c.Validate()
}

// Again has a configuration be read by one at a time.
func Again(load func() (config.Config, error)) func() (config.Config, error) {
	var mu sync.Mutex
	return func() (config.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		return load()
	}
}

// NewLogger writes to w what the configuration wants to be told.
func NewLogger(w io.Writer, c config.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelWarn // Validate has refused anything else
	}
	opts := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// Environ is the value of a variable of an environment; empty for none.
func Environ(environ []string, name string) string {
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			return v
		}
	}
	return ""
}

// Complete offers fixed values for a flag.
func Complete(cmd *cobra.Command, flag string, values ...string) {
	// The error says only that the flag does not exist, which the tests would show.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// Usage says where help is, for cobra's and pflag's own complaints about arguments; it is empty for failures of the work.
func Usage(cmd *cobra.Command, err error) string {
	if cmd == nil {
		return ""
	}
	for _, s := range []string{"unknown command", "unknown flag", "unknown shorthand", "invalid argument", "accepts ", "requires ", "flag needs an argument"} {
		if strings.HasPrefix(err.Error(), s) {
			return "Run '" + cmd.CommandPath() + " --help' for usage."
		}
	}
	return ""
}

// Remedied adds what to do to an error that says so.
func Remedied(err error) error {
	var e *model.Error
	if errors.As(err, &e) && e.Remedy != "" {
		return fmt.Errorf("%w. %s", err, e.Remedy)
	}
	return err
}
