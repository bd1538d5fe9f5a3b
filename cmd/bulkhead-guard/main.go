// Command bulkhead-guard is the guard in front of a container engine and nothing else of the product, so that it needs little memory:
// `bulkhead guard docker` becomes it. It may link nothing of the agent, the control plane or the console; test/house_test.go holds it to that.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // as the whole program has it

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/cli/front"
	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
	"github.com/bulkhead-security/bulkhead/config"
)

// Set by the linker; see Makefile.
var (
	version = "dev"
	commit  = "none"
	date    = "unknown"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run executes the command line and returns the exit code, as `bulkhead guard docker` does.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	own := guarded.BuildVersion(version)
	program, err := guarded.StartedBy()
	if err != nil {
		fmt.Fprintln(errs, "bulkhead-guard:", err)
		return 1
	}
	p := &small{guard: guarded.Alone{Version: own, Program: program}, environ: os.Environ(), out: out, errs: errs}
	root := p.root(fmt.Sprintf("%s (%s, %s)", own, commit, date))
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(errs, "bulkhead-guard:", err)
	if usage := front.Usage(cmd, err); usage != "" {
		fmt.Fprintln(errs, usage)
	}
	return 1
}

// small is the command line with what it needs.
type small struct {
	guard     guarded.Alone
	environ   []string
	out, errs io.Writer

	file, output string
	noColor      bool
	cfg          config.Config
	log          *slog.Logger
}

func (p *small) root(build string) *cobra.Command {
	p.cfg = config.Default()
	root := &cobra.Command{
		Use:   guarded.Small,
		Short: "The guard in front of the container engine, alone",
		Long: `The guard in front of a container engine, without the rest of Bulkhead: bulkhead guard docker becomes this program where it is beside it.
Everything else, e.g. who has called what, is in the program bulkhead.`,
		Version: build, SilenceErrors: true, SilenceUsage: true, CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return p.load(cmd) },
	}
	root.SetOut(p.out)
	root.SetErr(p.errs)
	front.Flags(root, &p.cfg, front.Options{File: &p.file, Output: &p.output, NoColor: &p.noColor})
	front.Complete(root, "output", "text")
	// What `bulkhead guard docker` was called with comes here as it is.
	same := &cobra.Command{Use: "guard", Hidden: true}
	same.AddCommand(p.docker())
	root.AddCommand(p.docker(), same)
	return root
}

func (p *small) docker() *cobra.Command {
	cmd := front.Docker(guarded.Small+" docker", &p.cfg.Guard)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		again := front.Again(func() (config.Config, error) {
			err := p.load(cmd)
			return p.cfg, err
		})
		return front.Remedied(p.guard.Run(cmd.Context(), p.cfg, again, p.cfg.Guard.Dir(p.environ), p.log, p.out))
	}
	return cmd
}

// load reads the configuration below the flags.
func (p *small) load(cmd *cobra.Command) error {
	if err := front.Load(cmd, p.file, p.environ, &p.cfg); err != nil {
		return err
	}
	p.log = front.NewLogger(p.errs, p.cfg.Log)
	return nil
}
