package kubernetes

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	maxKubeconfig = 4 << 20
	// maxAnswer bounds one answer of the API server; a page of 500 large pods stays far below it.
	maxAnswer      = 64 << 20
	requestTimeout = 8 * time.Second
)

// Secrets finds secrets in what a pod carries, and replaces them.
type Secrets interface {
	Env(env []string) (names []string, found []model.SecretSighting)
	Args(place string, args []string) (redacted []string, found []model.SecretSighting)
	Map(place string, m map[string]string) (redacted map[string]string, found []model.SecretSighting)
}

// Options say which cluster to read and how.
type Options struct {
	// Kubeconfig is the file; Context the context in it, empty for the current one.
	Kubeconfig, Context string
	// AllowExec permits to run the credential program (exec, auth-provider) that the kubeconfig names.
	AllowExec bool
	// SensitivityLabel and TenantLabel are labels of nodes, namespaces and pods.
	SensitivityLabel, TenantLabel string
	Secrets                       Secrets
}

// Client reads one cluster.
type Client struct {
	o           Options
	context     string
	server      string
	tls         bool
	authMethods []string
	api         api
	// probe asks the API server without credentials and returns the HTTP status.
	probe prober
	// refused is set instead of api when the user's credentials need a program that may not be run.
	refused *model.Gap
}

// Connect reads the kubeconfig. It does not speak to the API server yet: a server that is down shows as a gap.
func Connect(o Options) (*Client, error) {
	cfg, err := load(o.Kubeconfig)
	if err != nil {
		return nil, err
	}
	return newClient(cfg, o)
}

func load(path string) (*clientcmdapi.Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w; name a readable file", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxKubeconfig+1))
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig %s: %w", path, err)
	}
	if len(data) > maxKubeconfig {
		return nil, fmt.Errorf("reading the kubeconfig %s: it is larger than %d bytes", path, maxKubeconfig)
	}
	cfg, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", path, err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", path, err)
	}
	for _, c := range cfg.Clusters {
		c.LocationOfOrigin = abs
	}
	for _, a := range cfg.AuthInfos {
		a.LocationOfOrigin = abs
	}
	if err := clientcmd.ResolveLocalPaths(cfg); err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", path, err)
	}
	return cfg, nil
}

// parse reads a kubeconfig and drops empty entries, which the YAML allows and client-go does not expect.
func parse(data []byte) (*clientcmdapi.Config, error) {
	cfg, err := clientcmd.Load(data)
	if err != nil {
		return nil, fmt.Errorf("it is not a valid kubeconfig: %w", err)
	}
	for k, v := range cfg.Clusters {
		if v == nil {
			delete(cfg.Clusters, k)
		}
	}
	for k, v := range cfg.AuthInfos {
		if v == nil {
			delete(cfg.AuthInfos, k)
		}
	}
	for k, v := range cfg.Contexts {
		if v == nil {
			delete(cfg.Contexts, k)
		}
	}
	return cfg, nil
}

func newClient(cfg *clientcmdapi.Config, o Options) (*Client, error) {
	name := o.Context
	if name == "" {
		name = cfg.CurrentContext
	}
	kctx, ok := cfg.Contexts[name]
	if !ok {
		return nil, fmt.Errorf("kubeconfig has no context %q; it has %s", name, contexts(cfg))
	}
	c := &Client{o: o, context: name}
	user := cfg.AuthInfos[kctx.AuthInfo]
	c.authMethods = authMethods(user)
	if cluster := cfg.Clusters[kctx.Cluster]; cluster != nil {
		c.server = bareURL(cluster.Server)
	}
	if user != nil && !o.AllowExec && (user.Exec != nil || user.AuthProvider != nil) {
		c.refused = &model.Gap{
			Path: "/kubernetes", Reason: model.GapSkipped,
			Detail: "the kubeconfig gets its credentials from a program, which was not run",
			Remedy: "set kubernetes.allow_exec: true in the configuration (or BULKHEAD_KUBERNETES_ALLOW_EXEC=true), " +
				"or use a context with a certificate or token of its own",
		}
		return c, nil
	}
	rc, err := clientcmd.NewNonInteractiveClientConfig(*cfg, name, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig context %q: %w", name, err)
	}
	tune(rc)
	c.tls = strings.HasPrefix(c.server, "https://") && !rc.Insecure
	if c.api, err = newAPI(rc); err != nil {
		return nil, fmt.Errorf("kubeconfig context %q: %w", name, err)
	}
	if c.probe, err = newProbe(rc); err != nil {
		return nil, fmt.Errorf("kubeconfig context %q: %w", name, err)
	}
	return c, nil
}

// RESTConfig is how to reach the cluster: by the kubeconfig, or, without one, as the pod that this process runs in.
func RESTConfig(o Options) (*rest.Config, error) {
	if o.Kubeconfig == "" {
		rc, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("no kubeconfig is named (kubernetes.kubeconfig), and this is no pod: %w", err)
		}
		tune(rc)
		return rc, nil
	}
	cfg, err := load(o.Kubeconfig)
	if err != nil {
		return nil, err
	}
	name := cmp.Or(o.Context, cfg.CurrentContext)
	kctx, ok := cfg.Contexts[name]
	if !ok {
		return nil, fmt.Errorf("kubeconfig has no context %q; it has %s", name, contexts(cfg))
	}
	if user := cfg.AuthInfos[kctx.AuthInfo]; user != nil && !o.AllowExec && (user.Exec != nil || user.AuthProvider != nil) {
		return nil, errors.New("the kubeconfig gets its credentials from a program, which is not run: set kubernetes.allow_exec, or use a token or certificate")
	}
	rc, err := clientcmd.NewNonInteractiveClientConfig(*cfg, name, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig context %q: %w", name, err)
	}
	tune(rc)
	return rc, nil
}

// tune bounds what the client may ask and take.
func tune(rc *rest.Config) {
	rc.UserAgent = "bulkhead"
	rc.QPS, rc.Burst = 50, 100
	rc.Timeout = requestTimeout
	rc.WarningHandlerWithContext = rest.NoWarnings{}
	rc.ContentType = "application/vnd.kubernetes.protobuf"
	rc.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	rc.Wrap(func(next http.RoundTripper) http.RoundTripper { return limited{next} })
}

func contexts(cfg *clientcmdapi.Config) string {
	var names []string
	for n := range cfg.Contexts {
		names = append(names, n)
	}
	if len(names) == 0 {
		return "none"
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func authMethods(u *clientcmdapi.AuthInfo) []string {
	if u == nil {
		return nil
	}
	var out []string
	add := func(is bool, name string) {
		if is {
			out = append(out, name)
		}
	}
	add(u.Username != "" || u.Password != "", "basic")
	add(len(u.ClientCertificateData) > 0 || u.ClientCertificate != "", "client-certificate")
	add(u.Exec != nil, "exec")
	add(u.AuthProvider != nil, "oidc")
	add(u.Token != "" || u.TokenFile != "", "token")
	return out
}

// bareURL is the server's address without credentials, query and fragment.
func bareURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

var errTooLarge = errors.New("the answer is larger than is read")

// limited is a transport whose answers end with an error when they are too large.
type limited struct{ next http.RoundTripper }

func (l limited) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(req)
	if resp != nil && resp.Body != nil {
		resp.Body = &limitedBody{ReadCloser: resp.Body, left: maxAnswer}
	}
	return resp, err
}

type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}
