// Package docker reads the container engine of a node, its containers, images, networks and Swarm through the Docker
// API, from 20.10 (API 1.41) on, Podman's compatible socket included. Where it has the rights it looks at the host as
// well: the daemon's configuration and process, sockets, the containers' file systems.
//
// It only reads. It never changes the engine, starts nothing in a container, and keeps no values of secrets. Everything
// an engine answers is bounded in size and time; what can't be read becomes a gap.
package docker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/docker/go-connections/sockets"
	"github.com/docker/go-connections/tlsconfig"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"
)

const (
	firstPing     = 3 * time.Second
	maxAnswer     = 64 << 20
	maxImageTar   = 2 << 30
	defaultSocket = "/var/run/docker.sock"
)

// errTooLarge is what reading an answer over the limit ends with.
var errTooLarge = errors.New("the answer is larger than Bulkhead reads")

// ConnectOptions change how Connect finds and trusts an engine. The zero value takes everything from the environment.
type ConnectOptions struct {
	// Getenv replaces os.Getenv.
	Getenv func(string) string
	// Candidates replaces the sockets that are tried when no endpoint is named.
	Candidates []string
	// MaxAnswer bounds an answer of the engine in bytes; zero means 64 MiB.
	MaxAnswer int64
	// Ping bounds the first request; zero means three seconds.
	Ping time.Duration
}

// Client is a connection to an engine that has answered.
type Client struct {
	api      *client.Client
	endpoint string
	product  string // "docker" or "podman", as the engine's answers tell
	peer     int    // pid that listens on the socket, as the kernel tells; 0 when not known
}

// Connect finds the engine and waits for its first answer. The endpoint "" means DOCKER_HOST, else the first socket
// that is there: the default one, then those of rootless Docker, Podman and rootless Podman.
func Connect(ctx context.Context, endpoint string, o ConnectOptions) (*Client, error) {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Ping == 0 {
		o.Ping = firstPing
	}
	if o.MaxAnswer == 0 {
		o.MaxAnswer = maxAnswer
	}
	endpoint, err := findEndpoint(endpoint, o)
	if err != nil {
		return nil, err
	}
	url, err := client.ParseHostURL(endpoint)
	if err != nil {
		return nil, &ConnectError{Endpoint: endpoint, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, o.Ping)
	defer cancel()
	c := &Client{endpoint: endpoint, product: "docker"}
	if url.Scheme == "unix" {
		if c.peer, err = knock(ctx, url.Host); err != nil {
			return nil, &ConnectError{Endpoint: endpoint, Err: err}
		}
	}
	transport := &http.Transport{MaxIdleConns: 16, MaxIdleConnsPerHost: 16, IdleConnTimeout: 30 * time.Second}
	if err := sockets.ConfigureTransport(transport, url.Scheme, url.Host); err != nil {
		return nil, &ConnectError{Endpoint: endpoint, Err: err}
	}
	scheme := "http"
	if url.Scheme == "tcp" || url.Scheme == "https" {
		if transport.TLSClientConfig, err = tlsFromEnv(o.Getenv); err != nil {
			return nil, &ConnectError{Endpoint: endpoint, Err: err}
		}
		if transport.TLSClientConfig != nil {
			scheme = "https"
		}
	}
	limit := &limiter{next: transport, max: o.MaxAnswer}
	// The host first: it can't be set on a transport of ours.
	c.api, err = client.New(client.WithHost(endpoint), client.WithScheme(scheme), client.WithHTTPClient(&http.Client{
		Transport: limit, CheckRedirect: client.CheckRedirect,
	}))
	if err != nil {
		return nil, &ConnectError{Endpoint: endpoint, Err: err}
	}
	ping, err := c.api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	if err == nil && ping.APIVersion == "" {
		err = errNoEngine
	}
	if err != nil {
		transport.CloseIdleConnections()
		return nil, &ConnectError{Endpoint: endpoint, Err: err}
	}
	if limit.podman.Load() {
		c.product = "podman"
	}
	return c, nil
}

var errNoEngine = errors.New("something answers there, but not a container engine")

// Endpoint is where the engine was found, e.g. "unix:///run/docker.sock".
func (c *Client) Endpoint() string { return c.endpoint }

// API gives the engine's client to those who need more than the collectors.
func (c *Client) API() *client.Client { return c.api }

func findEndpoint(endpoint string, o ConnectOptions) (string, error) {
	if endpoint == "" {
		endpoint = o.Getenv("DOCKER_HOST")
	}
	if strings.HasPrefix(endpoint, "/") {
		endpoint = "unix://" + endpoint
	}
	if endpoint != "" {
		return endpoint, nil
	}
	list := o.Candidates
	if list == nil {
		list = []string{defaultSocket}
		if dir := o.Getenv("XDG_RUNTIME_DIR"); dir != "" {
			list = append(list, filepath.Join(dir, "docker.sock"), "/run/podman/podman.sock", filepath.Join(dir, "podman", "podman.sock"))
		} else {
			list = append(list, "/run/podman/podman.sock")
		}
	}
	for _, path := range list {
		if _, err := os.Stat(path); err == nil || errors.Is(err, os.ErrPermission) {
			return "unix://" + path, nil
		}
	}
	return "", &ConnectError{Err: fmt.Errorf("no container engine found: none of %s exists: %w", strings.Join(list, ", "), os.ErrNotExist)}
}

// knock connects once, for a clear error and to learn who listens.
func knock(ctx context.Context, path string) (int, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, nil // who listens is a detail; that somebody does is what counts
	}
	pid := 0
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid, nil
}

// tlsFromEnv reads DOCKER_CERT_PATH and DOCKER_TLS_VERIFY as the docker command does.
func tlsFromEnv(getenv func(string) string) (*tls.Config, error) {
	dir := getenv("DOCKER_CERT_PATH")
	verify := getenv("DOCKER_TLS_VERIFY") != ""
	if dir == "" {
		if !verify {
			return nil, nil
		}
		return &tls.Config{MinVersion: tls.VersionTLS12}, nil
	}
	config, err := tlsconfig.Client(tlsconfig.Options{
		CAFile: filepath.Join(dir, "ca.pem"), CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"),
		InsecureSkipVerify: !verify, ExclusiveRootPools: true,
	})
	if err != nil {
		return nil, fmt.Errorf("certificates in DOCKER_CERT_PATH: %w", err)
	}
	return config, nil
}

// limiter bounds the size of every answer and notes who answers. An image's contents have a bound of their own.
type limiter struct {
	next   http.RoundTripper
	max    int64
	podman atomic.Bool
}

func (l *limiter) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if fromPodman(resp.Header) {
		l.podman.Store(true)
	}
	bound := l.max
	if strings.HasSuffix(r.URL.Path, "/images/get") {
		bound = maxImageTar
	}
	resp.Body = &limitedBody{ReadCloser: resp.Body, left: bound}
	return resp, nil
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
