package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/identity/authz"
)

// outputsKey is where a command keeps its formats, for the completion of --output.
const outputsKey = "outputs"

// reportFormats are the formats of reports.
func reportFormats() []string { return []string{"text", "json", "html", "oscal", "sarif"} }

// outputs says which formats a command writes, where they are not text and json.
func outputs(cmd *cobra.Command, formats ...string) *cobra.Command {
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[outputsKey] = strings.Join(formats, ",")
	return cmd
}

// completeOutput offers the formats of the command that is being typed.
func completeOutput(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	if own := cmd.Annotations[outputsKey]; own != "" {
		return strings.Split(own, ","), cobra.ShellCompDirectiveNoFileComp
	}
	return []string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp
}

// takesDirectory offers directories for a command's only argument.
func takesDirectory(cmd *cobra.Command) *cobra.Command {
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return cmd
}

// completeRequest offers the actions of the schema, those that are wanted or all, and then the types that the action can
// be done to.
func completeRequest(wanted func(s *authz.Schema, action string) bool) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		s, err := authz.NewSchema()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var out []string
		switch len(args) {
		case 0:
			for _, a := range s.Actions() {
				if wanted == nil || wanted(s, a) {
					out = append(out, a)
				}
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		case 1:
			return typesOf(s, args[0]), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeObject offers types for a command's only argument, TYPE::ID.
func completeObject(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	s, err := authz.NewSchema()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return typesOf(s, ""), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// typesOf are the beginnings of objects, "TYPE::", that an action can be done to, or all.
func typesOf(s *authz.Schema, action string) []string {
	var out []string
	for _, t := range s.Types() {
		for _, a := range s.ActionsOn(t) {
			if action == "" || a == action {
				out = append(out, t+"::")
				break
			}
		}
	}
	return out
}

// completeScope offers the scopes of tokens.
func completeScope(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	s, err := authz.NewSchema()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return s.Scopes(), cobra.ShellCompDirectiveNoFileComp
}
