package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/config"
)

type dockerSetupFlags struct {
	host, user, ca, caKey, dir string
	days                       int
}

// dockerSetup is what to run so that Docker's tools use the guard.
type dockerSetup struct {
	Schema string      `json:"schema"`
	Ways   []dockerWay `json:"ways"`
}

// dockerWay is one way to the guard.
type dockerWay struct {
	Kind    string            `json:"kind"` // "unix", "tls", "token"
	Title   string            `json:"title"`
	Host    string            `json:"host"`
	Context string            `json:"context"`
	Env     map[string]string `json:"env"`
	// Commands are shell commands, Notes what there is to know.
	Commands []string `json:"commands"`
	Notes    []string `json:"notes,omitempty"`
	// Config is what config.json of the docker command line gets.
	Config map[string]any `json:"config,omitempty"`
}

func (a *App) dockerSetupCommand() *cobra.Command {
	var f dockerSetupFlags
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Say how docker, Compose and Buildx use the guard of this machine",
		Long: `Prints the commands that make a docker context, and the settings for tools without one, for each way to the guard that this machine's
configuration has: its socket, TLS with a client certificate, TLS with a token. It changes nothing.

With --user, --ca and --ca-key it also makes a client certificate, cert.pem and key.pem with ca.pem beside them, in --dir.`,
		Example: `  bulkhead docker setup
  bulkhead docker setup --host build-1.example.org --output json
  bulkhead docker setup --user alice --ca ca.pem --ca-key ca.key --dir alice/`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.dockerSetup(f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.host, "host", "", "`name` by which others reach this machine, as in the guard's certificate (default: that of guard.tls.listen)")
	fl.StringVar(&f.user, "user", "", "make a client certificate with this common `name`")
	fl.StringVar(&f.ca, "ca", "", "`file` of the CA that signs it (PEM), one of guard.tls.client_ca")
	fl.StringVar(&f.caKey, "ca-key", "", "`file` of the CA's key (PEM)")
	fl.StringVar(&f.dir, "dir", "", "`directory` for the certificate; it must be empty or not be there")
	fl.IntVar(&f.days, "days", 90, "`days` until the certificate ends, at most 366")
	cmd.MarkFlagsRequiredTogether("user", "ca", "ca-key", "dir")
	return cmd
}

func (a *App) dockerSetup(f dockerSetupFlags) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	s, err := setupOf(a.cfg.Guard, f)
	if err != nil {
		return err
	}
	if f.user != "" {
		if err := makeClientCertificate(f); err != nil {
			return err
		}
	}
	if format == "json" {
		return a.printJSON(s)
	}
	a.printSetup(s)
	if f.user != "" {
		fmt.Fprintf(a.Out, "\nThe certificate of %s is in %s. The account gets: certificates: [\"cn:%s\"]\n", f.user, f.dir, f.user)
	}
	return nil
}

func (a *App) printSetup(s *dockerSetup) {
	for i, w := range s.Ways {
		if i > 0 {
			fmt.Fprintln(a.Out)
		}
		fmt.Fprintf(a.Out, "%s\n\n", w.Title)
		for _, c := range w.Commands {
			fmt.Fprintf(a.Out, "    %s\n", c)
		}
		for _, n := range w.Notes {
			fmt.Fprintf(a.Out, "\n  %s\n", n)
		}
	}
}

func setupOf(g config.Guard, f dockerSetupFlags) (*dockerSetup, error) {
	s := &dockerSetup{Schema: "bulkhead.docker-setup/v1"}
	if g.Socket != "" {
		s.Ways = append(s.Ways, unixWay(g))
	}
	if g.TLS.Listen != "" {
		at, err := reachedAt(g.TLS.Listen, f.host)
		if err != nil {
			return nil, err
		}
		if g.TLS.ClientCA != "" {
			s.Ways = append(s.Ways, certificateWay(g, at, f.dir))
		}
		s.Ways = append(s.Ways, tokenWay(at))
	}
	if len(s.Ways) == 0 {
		return nil, errors.New("the guard listens nowhere: set guard.socket or guard.tls.listen")
	}
	return s, nil
}

// reachedAt is the port's address for others.
func reachedAt(listen, host string) (string, error) {
	h, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("guard.tls.listen: %w", err)
	}
	if ip := net.ParseIP(h); host == "" && (h == "" || ip != nil && ip.IsUnspecified()) {
		if host, err = os.Hostname(); err != nil {
			return "", fmt.Errorf("the name of this machine (--host says another): %w", err)
		}
	}
	if host == "" {
		host = h
	}
	return net.JoinHostPort(host, port), nil
}

// tools are the commands that hold for all ways, given how docker is called.
func tools(g config.Guard) []string {
	notes := []string{
		"Compose v2 uses the context; docker-compose 1.29, Testcontainers and others use DOCKER_HOST. Buildx' own builder of the context has its name: " +
			"docker buildx use CONTEXT.",
	}
	if g.Build == "classic" {
		return append(notes, "Builds are judged with the classic builder: DOCKER_BUILDKIT=0 docker build . (guard.build is classic). Who has BuildKitUse on this host builds with BuildKit, too: docker buildx build .")
	}
	return append(notes, "Builds are refused here (guard.build is none): build elsewhere, and push.")
}

func unixWay(g config.Guard) dockerWay {
	host := "unix://" + g.Socket
	group := g.SocketGroup
	if group == "" {
		group = "the guard's own"
	}
	return dockerWay{
		Kind: "unix", Title: "On this machine, as the user that you are (socket " + g.Socket + ", group " + group + "):", Host: host, Context: "bulkhead",
		Env: map[string]string{"DOCKER_HOST": host},
		Commands: []string{
			"docker context create bulkhead --description 'through the guard' --docker host=" + quote(host), "docker context use bulkhead",
			"# tools without contexts:", "export DOCKER_HOST=" + quote(host),
		},
		Notes: tools(g),
	}
}

func certificateWay(g config.Guard, at, dir string) dockerWay {
	if dir == "" {
		dir = "$HOME/.docker/bulkhead"
	} else if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	host := "tcp://" + at
	files := fmt.Sprintf("host=%s,ca=%s/ca.pem,cert=%s/cert.pem,key=%s/key.pem", host, dir, dir, dir)
	return dockerWay{
		Kind: "tls", Title: "From elsewhere, with a client certificate (" + dir + " has ca.pem, cert.pem and key.pem):", Host: host, Context: "bulkhead-tls",
		Env: map[string]string{"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": dir},
		Commands: []string{
			"docker context create bulkhead-tls --description 'through the guard' --docker " + double(files), "docker context use bulkhead-tls",
			"# tools without contexts:", "export DOCKER_HOST=" + quote(host) + " DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=" + double(dir),
		},
		Notes: append([]string{"ca.pem is the CA of the guard's certificate (" + g.TLS.Certificate + "); the client's is made by a CA of " + g.TLS.ClientCA + "."}, tools(g)...),
	}
}

func tokenWay(at string) dockerWay {
	host := "tcp://" + at
	return dockerWay{
		Kind: "token", Title: "From elsewhere, with a token of `bulkhead guard token` or a CI system's OIDC token in $TOKEN:", Host: host, Context: "",
		Env:    map[string]string{"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "$HOME/.docker-bulkhead", "DOCKER_CONFIG": "$HOME/.docker-bulkhead"},
		Config: map[string]any{"HttpHeaders": map[string]string{"Authorization": "Bearer $TOKEN"}},
		Commands: []string{
			"mkdir -m 700 -p \"$HOME/.docker-bulkhead\" && cp ca.pem \"$HOME/.docker-bulkhead/ca.pem\"",
			`(umask 077; printf '{"HttpHeaders":{"Authorization":"Bearer %s"}}\n' "$TOKEN" > "$HOME/.docker-bulkhead/config.json")`,
			`export DOCKER_CONFIG="$HOME/.docker-bulkhead" DOCKER_CERT_PATH="$HOME/.docker-bulkhead" DOCKER_HOST=` + quote(host) + " DOCKER_TLS_VERIFY=1",
		},
		Notes: []string{
			"docker sends the headers of its config.json to every engine that it is pointed to: keep this one in a directory of its own, as above, and use " +
				"no other engine with it.",
		},
	}
}

// quote is a word for a shell as it is, double one in which variables count.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func double(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`").Replace(s) + `"`
}
