package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/model"
)

func (a *App) agentDoctorCommand() *cobra.Command {
	cmd := verb("doctor", "Look what works for the agent on this machine, and what is missing and why", 0,
		func(ctx context.Context, _ []string) error { return a.agentDoctor(ctx) })
	cmd.Long = `Looks at each part of the agent: what it needs (rights, kernel, engine, the way to the server, disk), whether this machine has it,
and what to do where it has not. It changes nothing, and the agent may run meanwhile. Run it as the agent's user, most often root.
Exit code 2 when something is missing that the agent can't do without.`
	cmd.Example = `  bulkhead agent doctor
  bulkhead agent doctor --output json`
	a.agentDir(cmd)
	return cmd
}

// agentDiagnosis is the doctor's answer as JSON.
type agentDiagnosis struct {
	Schema string            `json:"schema"`
	OK     bool              `json:"ok"`
	Parts  []model.AgentPart `json:"parts"`
}

func (a *App) agentDoctor(ctx context.Context) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	d := agentDiagnosis{Schema: "bulkhead.agent-doctor/v1", Parts: a.Agent.Doctor(ctx, a.cfg, a.cfg.Agent.Dir(a.Environ))}
	wrong := 0
	for _, p := range d.Parts {
		if p.Needed && !p.Works {
			wrong++
		}
	}
	d.OK = wrong == 0
	if format == "json" {
		err = a.printJSON(d)
	} else {
		a.printParts(d.Parts)
	}
	if err == nil && wrong > 0 {
		return errNo{fmt.Sprintf("%d parts lack what the agent can't do without", wrong)}
	}
	return err
}

func (a *App) printParts(parts []model.AgentPart) {
	for _, p := range parts {
		mark := "works  "
		switch {
		case !p.Works && p.Needed:
			mark = "MISSING"
		case !p.Works:
			mark = "missing"
		}
		fmt.Fprintf(a.Out, "%s  %-20s %s\n", mark, p.Part, plain(p.Detail))
		if p.Works {
			continue
		}
		fmt.Fprintf(a.Out, "         %-20s needs %s\n", "", plain(p.Needs))
		if p.Remedy != "" {
			fmt.Fprintf(a.Out, "         %-20s %s\n", "", plain(p.Remedy))
		}
	}
}
