// Package cli is the command line: one file per verb. It parses, calls, prints and chooses the exit code.
//
// It reads no facts itself: what it needs of the node comes through the Node interface, which cmd/bulkhead wires.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/model"
)

// Exit codes, which others script against.
const (
	ExitOK    = 0
	ExitError = 1
	ExitNo    = 2 // the answer is no: not met, worse, not verified
)

// Node is the machine that is looked at.
type Node interface {
	// Snapshot collects the node's facts. What cannot be read is a gap in the snapshot, not an error.
	Snapshot(ctx context.Context, c config.Config, log *slog.Logger, progress Progress) (*model.Snapshot, error)
}

// Progress is told as collectors end.
type Progress func(name string, took time.Duration, done, all int)

// Build says what was built.
type Build struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Date    string `json:"date"`
	Go      string `json:"go"`
}

// App is the command line with what it needs.
type App struct {
	Node   Node
	Drills Drills // nil where there are none
	Server Server // nil where there is none
	Agent  Agent  // nil where there is none
	Guard  Guard  // nil where there is none
	// EngineLock gives the lock of this machine's engines; nil where there is none.
	EngineLock OpenEngineLock
	// Database opens the server's database for its keeper; nil where there is none.
	Database OpenDatabase
	Build    Build
	In       io.Reader
	Out      io.Writer
	Err      io.Writer
	// Environ is "NAME=value" as in os.Environ.
	Environ []string

	configPath string
	output     string
	noColor    bool
	cfg        config.Config
	log        *slog.Logger
	remote     remoteState
}

// errNo is the answer "no": it was already told, and only the exit code is left to say.
type errNo struct{ why string }

func (e errNo) Error() string { return e.why }

// Run executes the command line and returns the exit code.
func (a *App) Run(ctx context.Context, args []string) int {
	root := a.Root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return ExitOK
	}
	var no errNo
	if errors.As(err, &no) {
		fmt.Fprintln(a.Err, "bulkhead:", no.why)
		return ExitNo
	}
	fmt.Fprintln(a.Err, "bulkhead:", err)
	if isUsage(err) && cmd != nil {
		fmt.Fprintf(a.Err, "Run '%s --help' for usage.\n", cmd.CommandPath())
	}
	return ExitError
}

// isUsage tells cobra's and pflag's own complaints about arguments from failures of the work.
func isUsage(err error) bool {
	for _, s := range []string{"unknown command", "unknown flag", "unknown shorthand", "invalid argument", "accepts ", "requires ", "flag needs an argument"} {
		if strings.HasPrefix(err.Error(), s) {
			return true
		}
	}
	return false
}

// Root builds the command tree.
func (a *App) Root() *cobra.Command {
	a.cfg = config.Default()
	root := &cobra.Command{
		Use:   "bulkhead",
		Short: "Container security by ITU-T X.1643: measure, enforce, prove",
		Long: `Bulkhead puts ITU-T X.1643 ("Security requirements and guidelines for virtualization containers in cloud
computing") into practice on container hosts.

  bulkhead assess            where does this host stand on all 29 requirements, why, and what to do
  bulkhead serve             run the control plane: who may do what, recorded so that tampering shows
  bulkhead enrol             become its first administrator, by the link that it prints

Settings come from a file (--config, /etc/bulkhead/config.yaml), then the environment (BULKHEAD_*), then flags.
Exit codes: 0 fine, 1 error, 2 the answer is no.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		// No Args: cobra then suggests the command that was probably meant.
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.load(cmd)
		},
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	f := root.PersistentFlags()
	f.StringVar(&a.configPath, "config", "", "configuration `file` (default: /etc/bulkhead/config.yaml, if there)")
	f.StringVarP(&a.output, "output", "o", "text", "output `format`: text, json; see each command for more")
	f.BoolVar(&a.noColor, "no-color", false, "no colour, also on a terminal (NO_COLOR does the same)")
	f.StringVar(&a.cfg.Lang, "lang", a.cfg.Lang, "`language` of reports: en, zh")
	f.StringVar(&a.cfg.Log.Level, "log-level", a.cfg.Log.Level, "debug, info, warn, error")
	f.StringVar(&a.cfg.Log.Format, "log-format", a.cfg.Log.Format, "text, json")
	// The error says only that the flag does not exist, which the tests would show.
	_ = root.RegisterFlagCompletionFunc("output", completeOutput)
	complete(root, "lang", "en", "zh")
	complete(root, "log-level", "debug", "info", "warn", "error")
	complete(root, "log-format", "text", "json")
	root.AddCommand(a.assessCommand(), a.catalogueCommand(), a.configCommand(), a.manCommand(), a.versionCommand())
	if a.Server != nil {
		root.AddCommand(a.serveCommand())
	}
	if a.Agent != nil {
		root.AddCommand(a.agentCommand())
	}
	root.AddCommand(a.guardCommand(), a.dockerCommand())
	if a.Drills != nil {
		root.AddCommand(a.drillCommand())
	}
	if a.Database != nil {
		root.AddCommand(a.backupCommand(), a.restoreCommand(), a.doctorCommand(), a.recoverCommand())
	}
	root.AddCommand(a.remoteCommands()...)
	arrange(root)
	return root
}

// arrange puts the verbs under headings, in the order in which a newcomer meets them. What has no heading is cobra's
// "Additional Commands".
func arrange(root *cobra.Command) {
	for _, g := range []struct {
		title string
		verbs []string
	}{
		{"Measure", []string{"assess", "assessments", "catalogue", "status"}},
		{"Control plane", []string{"serve", "agent", "enrol", "login", "logout", "whoami", "account", "info", "settings", "jobs", "watch"}},
		{"Fleet", []string{"nodes", "containers", "images", "networks", "findings", "exceptions", "pools", "rollouts", "apply"}},
		{"Guard", []string{"guard", "docker"}},
		{"Rights", []string{"tenants", "users", "groups", "tokens", "policy", "access", "approve"}},
		{"Prove", []string{"drill", "report", "audit"}},
		{"Keep", []string{"backup", "restore", "doctor", "recover"}},
	} {
		for _, cmd := range root.Commands() {
			if !slices.Contains(g.verbs, cmd.Name()) {
				continue
			}
			if !root.ContainsGroup(g.title) {
				root.AddGroup(&cobra.Group{ID: g.title, Title: g.title + ":"})
			}
			cmd.GroupID = g.title
		}
	}
}

// load reads the configuration below the flags: flags are bound to fields of the configuration, so those that were
// given are set again over what the file and the environment say.
func (a *App) load(cmd *cobra.Command) error {
	given := map[string]string{}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if _, list := f.Value.(pflag.SliceValue); !list { // to set a list again would append, and none is a setting
			given[f.Name] = f.Value.String()
		}
	})
	path := a.configPath
	if path == "" {
		path = a.environ("BULKHEAD_CONFIG")
	}
	if path == "" {
		path = config.DefaultPath()
	}
	cfg, err := config.Load(path, a.Environ)
	if err != nil {
		return err
	}
	if path != "" {
		if cfg.File, err = filepath.Abs(path); err != nil {
			return fmt.Errorf("the configuration %s: %w", path, err)
		}
	}
	a.cfg = cfg
	for name, value := range given {
		if err := cmd.Flags().Set(name, value); err != nil {
			return fmt.Errorf("--%s: %w", name, err)
		}
	}
	if err := a.cfg.Validate(); err != nil {
		return err
	}
	a.log = newLogger(a.Err, a.cfg.Log)
	a.log.Debug("configuration loaded", "file", path)
	return nil
}

func newLogger(w io.Writer, c config.Log) *slog.Logger {
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

// environ returns the value of an environment variable.
func (a *App) environ(name string) string {
	for _, kv := range a.Environ {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			return v
		}
	}
	return ""
}

// format checks --output against what the command can write.
func (a *App) format(allowed ...string) (string, error) {
	for _, f := range allowed {
		if a.output == f {
			return f, nil
		}
	}
	return "", fmt.Errorf("invalid argument %q for --output: this command writes %s", a.output, strings.Join(allowed, ", "))
}

// complete offers fixed values for a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	// The error says only that the flag does not exist, which the tests would show.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// isTerminal says whether the writer is a terminal and how wide it is.
func isTerminal(w io.Writer) (*os.File, bool) {
	f, ok := w.(*os.File)
	if !ok {
		return nil, false
	}
	return f, terminal(f)
}
