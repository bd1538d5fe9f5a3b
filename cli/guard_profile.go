package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/policies"
)

func (a *App) guardProfileCommand() *cobra.Command {
	from := "baseline"
	cmd := verb("profile NAME", "Print a profile of workloads as Cedar policies", 1, func(_ context.Context, args []string) error {
		return a.guardProfile(args[0], from)
	})
	cmd.Long = `Prints the rules of a profile: "baseline", "restricted", or "custom", which is a copy of one of these (--from) to begin a profile of one's
own with. Put it into the directory of guard.policies, or publish it for the system tenant (bulkhead policy), set guard.profile to
custom, and take out and add what the hosts need. While no rule of it is in force the guard runs nothing.`
	cmd.Example = `  bulkhead guard profile baseline
  bulkhead guard profile custom --from restricted > /etc/bulkhead/policies/profile.cedar`
	cmd.ValidArgs = []string{"baseline", "restricted", policies.ProfileCustom}
	cmd.ValidArgsFunction = nil
	cmd.Flags().StringVar(&from, "from", from, "shipped `profile` that custom is a copy of")
	complete(cmd, "from", "baseline", "restricted")
	return cmd
}

func (a *App) guardProfile(name, from string) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	var text string
	if name == policies.ProfileCustom {
		text, err = policies.Custom(from, a.Build.Version)
	} else {
		text, err = policies.Profile(name)
	}
	if err != nil {
		return err
	}
	if format == "json" {
		return a.printJSON(map[string]string{"profile": name, "policies": text})
	}
	fmt.Fprint(a.Out, text)
	return nil
}
