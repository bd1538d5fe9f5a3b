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
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/cli/front"
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
	if usage := front.Usage(cmd, err); usage != "" {
		fmt.Fprintln(a.Err, usage)
	}
	return ExitError
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
	front.Flags(root, &a.cfg, front.Options{File: &a.configPath, Output: &a.output, NoColor: &a.noColor})
	// The error says only that the flag does not exist, which the tests would show.
	_ = root.RegisterFlagCompletionFunc("output", completeOutput)
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

// load reads the configuration below the flags.
func (a *App) load(cmd *cobra.Command) error {
	if err := front.Load(cmd, a.configPath, a.Environ, &a.cfg); err != nil {
		return err
	}
	a.log = front.NewLogger(a.Err, a.cfg.Log)
	a.log.Debug("configuration loaded", "file", a.cfg.File)
	return nil
}

// environ returns the value of an environment variable.
func (a *App) environ(name string) string { return front.Environ(a.Environ, name) }

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
	front.Complete(cmd, flag, values...)
}

// isTerminal says whether the writer is a terminal and how wide it is.
func isTerminal(w io.Writer) (*os.File, bool) {
	f, ok := w.(*os.File)
	if !ok {
		return nil, false
	}
	return f, terminal(f)
}
