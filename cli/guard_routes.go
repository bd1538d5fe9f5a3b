package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/guard/route"
)

// routeRow is a call of the allow-list for scripts.
type routeRow struct {
	Method string   `json:"method"`
	Path   string   `json:"path"`
	Since  string   `json:"since,omitempty"`
	Action string   `json:"action"`
	On     string   `json:"on"`
	Effect string   `json:"effect"`
	Body   string   `json:"body,omitempty"`
	Query  []string `json:"query"`
	Gives  string   `json:"gives,omitempty"`
}

func (a *App) guardRoutesCommand() *cobra.Command {
	cmd := verb("routes", "List the calls of the engine's API that the guard knows; all others are refused", 0, func(context.Context, []string) error {
		return a.guardRoutes()
	})
	cmd.Long = `Lists the allow-list: every call of the engine's API that the guard lets anybody make at all, with the action that policies decide,
what it is about, and what it can give away.`
	cmd.Example = `  bulkhead guard routes
  bulkhead guard routes --output json`
	return cmd
}

func (a *App) guardRoutes() error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	var list []routeRow
	var rows [][]string
	for _, r := range slices.Concat(route.Table(), route.Services()) {
		row := routeRow{
			Method: r.Method, Path: r.Path, Since: r.Since, Action: string(r.Action), On: string(r.On), Effect: string(r.Effect),
			Body: string(r.Body), Query: []string{}, Gives: r.Gives,
		}
		for _, q := range r.Query {
			row.Query = append(row.Query, q.Name)
		}
		list = append(list, row)
		rows = append(rows, []string{row.Method, row.Path, row.Action, row.On, row.Effect, row.Gives})
	}
	if format == "json" {
		return a.printJSON(list)
	}
	a.table("", []string{"METHOD", "PATH", "ACTION", "ON", "EFFECT", "GIVES"}, rows)
	return nil
}
