package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func (a *App) recoverCommand() *cobra.Command {
	var tenant string
	cmd := &cobra.Command{
		Use:   "recover NAME",
		Short: "On the server itself: let somebody in who is locked out",
		Long: `Makes a one-time enrolment link for an account whose person lost every factor, or is kept out by failed attempts, and
whom no administrator can help. It works on the server's machine alone, for root and the server's own user, while the server
runs, and is recorded in the audit log. When the link is used, the old password, factors, sessions and tokens end.`,
		Example: `  bulkhead recover ada
  bulkhead recover olga --tenant acme --data-dir ./data`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.recover(cmd.Context(), tenant, args[0]) },
	}
	cmd.Flags().StringVar(&tenant, "tenant", "system", "the account's `tenant`")
	cmd.Flags().StringVar(&a.cfg.Server.DataDir, "data-dir", a.cfg.Server.DataDir, "the server's data `directory`")
	cmd.Flags().StringVar(&a.cfg.Server.AdminSocket, "admin-socket", a.cfg.Server.AdminSocket, "the server's admin `socket` (default: admin.sock in the data directory)")
	return cmd
}

func (a *App) recover(ctx context.Context, tenant, name string) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	link, err := askRecovery(ctx, a.cfg.Server.Socket(a.Environ), tenant, name)
	if err != nil {
		return err
	}
	if format == "json" {
		return a.printJSON(map[string]string{"link": link})
	}
	fmt.Fprintf(a.Out, "Give %s this link; it is good once, for three days:\n\n  %s\n", plain(name), plain(link))
	return nil
}

func askRecovery(ctx context.Context, socket, tenant, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	form := url.Values{"tenant": {tenant}, "name": {name}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://admin/recover", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask the server at %s: %w\n  is it running on this machine, and are you root or its user? --data-dir or --admin-socket say where it is", socket, errors.Unwrap(err))
	}
	defer resp.Body.Close()
	var answer struct{ Link, Error, Remedy string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&answer); err != nil {
		return "", fmt.Errorf("the server at %s answers with %s, which is not understood", socket, resp.Status)
	}
	if answer.Link == "" {
		return "", fmt.Errorf("%s\n  %s", plain(answer.Error), plain(answer.Remedy))
	}
	return answer.Link, nil
}
