package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/guard/sessions"
)

// identityFlag takes the file with the private key.
func identityFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "identity", "", "`file` with the age identity of a recipient, as `bulkhead guard keys new` makes it")
	// The error says only that the flag does not exist, which the tests would show.
	_ = cmd.MarkFlagRequired("identity")
	_ = cmd.MarkFlagFilename("identity")
}

// openRecording opens a recording by its id, or a file that is named. Closing it says whether it is what was recorded, where that is known.
func (a *App) openRecording(ctx context.Context, f *sessionFlags, name, identity string) (*sessions.Reader, func() error, error) {
	ids, err := sessions.Identities(identity)
	if err != nil {
		return nil, nil, err
	}
	path, done := name, func() error { return nil }
	if !isFile(name) {
		var dir string
		var e *sessions.Entry
		if dir, e, done, err = a.locally(ctx, f, name); err != nil {
			return nil, nil, err
		}
		path = filepath.Join(dir, e.File())
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("the recording: %w", err), done())
	}
	r, err := sessions.NewReader(file, ids...)
	if err != nil {
		return nil, nil, errors.Join(err, file.Close(), done())
	}
	return r, func() error { return errors.Join(file.Close(), done()) }, nil
}

func (a *App) sessionsReplayCommand(f *sessionFlags) *cobra.Command {
	var identity string
	var speed float64
	var idle time.Duration
	cmd := verb("replay ID", "Show a recording as it was seen", 1, func(ctx context.Context, args []string) error {
		if !(speed > 0 && speed <= 10_000) || idle < 0 {
			return errors.New("invalid argument: --speed must be above 0 and at most 10000, --idle-limit not below zero")
		}
		return a.sessionsReplay(ctx, f, args[0], identity, sessions.Pace{Speed: speed, Idle: idle})
	})
	cmd.Long = `Plays a recording on the terminal, at its own pace. ID is a recording's id or the beginning of one, or a file *.cast.age. What could do
harm to the terminal or to who sits at it (titles, the clipboard, links, questions that the terminal answers as if it were typed, modes
of mouse and keyboard) is left out; ` + "`export`" + ` has it. Where standard output is no terminal, the text alone is written, all at once.`
	cmd.Example = `  bulkhead guard sessions replay 0198f2c4 --identity recordings.key
  bulkhead guard sessions replay 0198f2c4 --identity recordings.key --speed 4 --idle-limit 1s
  bulkhead guard sessions replay 0198f2c4 --node web-1 --identity recordings.key
  bulkhead guard sessions replay copy/20261126T101500Z-0198f2c4.cast.age --identity recordings.key | grep passwd`
	cmd.ValidArgsFunction = a.recordingIDs(f)
	identityFlag(cmd, &identity)
	cmd.Flags().Float64Var(&speed, "speed", 1, "how many `times` as fast")
	cmd.Flags().DurationVar(&idle, "idle-limit", 0, "no pause is longer than this `time` of the recording")
	return cmd
}

func (a *App) sessionsReplay(ctx context.Context, f *sessionFlags, name, identity string, pace sessions.Pace) (err error) {
	r, done, err := a.openRecording(ctx, f, name, identity)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	var show sessions.Shower = sessions.NewPlain()
	if _, ok := isTerminal(a.Out); ok {
		show = sessions.NewScreen()
		if e := r.Header.Bulkhead; e != nil {
			fmt.Fprintf(a.Err, "%s, %s, %s; %dx%d\n", plain(r.Header.Title), e.Start.UTC().Format("2006-01-02 15:04:05 UTC"), plain(e.Command), r.Header.Width, r.Header.Height)
		}
	} else {
		pace = sessions.Pace{}
	}
	err = sessions.Play(ctx, a.Out, r, show, pace, nil)
	if errors.Is(err, context.Canceled) {
		return nil // whoever watched has seen enough
	}
	return err
}

func (a *App) sessionsExportCommand(f *sessionFlags) *cobra.Command {
	var identity, out string
	cmd := verb("export ID", "Write a recording as a plain asciicast, with everything that is in it", 1, func(ctx context.Context, args []string) error {
		return a.sessionsExport(ctx, f, args[0], identity, out)
	})
	cmd.Long = `Decrypts a recording and writes it as an asciicast of version 2, for asciinema and other players. Nothing is left out: a hostile
program may have written what does harm to a terminal that it is played on. ID is as in ` + "`replay`" + `.`
	cmd.Example = `  bulkhead guard sessions export 0198f2c4 --identity recordings.key > session.cast
  bulkhead guard sessions export 0198f2c4 --identity recordings.key --out session.cast
  bulkhead guard sessions export 0198f2c4 --node web-1 --identity recordings.key --out session.cast`
	cmd.ValidArgsFunction = a.recordingIDs(f)
	identityFlag(cmd, &identity)
	cmd.Flags().StringVar(&out, "out", "", "`file` to write, for its owner alone; standard output without it")
	return cmd
}

func (a *App) sessionsExport(ctx context.Context, f *sessionFlags, name, identity, out string) (err error) {
	r, done, err := a.openRecording(ctx, f, name, identity)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	if out == "" {
		return r.Export(a.Out)
	}
	var damaged error
	err = toFile(out, func(w io.Writer) error {
		err := r.Export(w)
		if errors.Is(err, sessions.ErrDamaged) {
			damaged, err = err, nil // what can be read is worth having
		}
		return err
	})
	return errors.Join(err, damaged)
}
