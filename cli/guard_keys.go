package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/guard/sessions"
)

func (a *App) guardKeysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "keys",
		Short:   "Keys of recorded sessions",
		Example: `  bulkhead guard keys new recordings.key`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	create := verb("new FILE", "Make a pair of keys: the private one into a file, the public one is printed", 1,
		func(_ context.Context, args []string) error { return a.newGuardKey(args[0]) })
	create.ValidArgsFunction = nil // the name of a file
	create.Long = `Makes an age identity for reading recorded sessions. FILE gets the private key and must not exist yet; keep it where those are who may
look at recordings, and not on the hosts. What is printed is the public key, for guard.sessions.recipients of the hosts. Keep a second
copy of the file: without it the recordings can't be read by anybody.`
	create.Example = `  bulkhead guard keys new recordings.key
  bulkhead guard keys new recordings.key --output json`
	cmd.AddCommand(create)
	return cmd
}

func (a *App) newGuardKey(path string) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	text, recipient, err := sessions.NewIdentity("Bulkhead: reads recorded sessions; made " + time.Now().UTC().Format(time.RFC3339))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists already, and a key that is overwritten is lost: name another file", path)
	}
	if err != nil {
		return fmt.Errorf("write the key: %w", err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the key: %w", err)
	}
	if format == "json" {
		return a.printJSON(map[string]string{"identity_file": path, "recipient": recipient})
	}
	fmt.Fprintln(a.Out, recipient)
	fmt.Fprintf(a.Err, "the private key is in %s; put the line above into guard.sessions.recipients of the hosts\n", path)
	return nil
}
