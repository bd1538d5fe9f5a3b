// Package config is the one place where settings come together: defaults, then a YAML file, then the environment
// (BULKHEAD_*); the command line overrides them last. An unknown field is an error that names the line and the field
// that was probably meant.
//
// It reads the file it is given and the environment it is given, and nothing else; it acts on no setting.
package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
	"github.com/caarlos0/env/v11"
	"github.com/goccy/go-yaml"

	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/strict"
)

// maxFile bounds the configuration file.
const maxFile = 1 << 20

// EnvPrefix starts the name of every environment variable of the product.
const EnvPrefix = "BULKHEAD_"

// Config is everything that can be set. Every field has a name in the file and, except for lists of structures, one in
// the environment.
type Config struct {
	// File is where it was read from; empty for none. Whoever loads it says so.
	File       string          `yaml:"-"`
	Log        Log             `yaml:"log" envPrefix:"LOG_"`
	Lang       string          `yaml:"lang" env:"LANG"` // "en" or "zh"
	Engine     Engine          `yaml:"engine" envPrefix:"ENGINE_"`
	Kubernetes Kubernetes      `yaml:"kubernetes" envPrefix:"KUBERNETES_"`
	Collect    Collect         `yaml:"collect" envPrefix:"COLLECT_"`
	Assess     assess.Settings `yaml:"assess"`
	Server     Server          `yaml:"server" envPrefix:"SERVER_"`
	Client     Client          `yaml:"client" envPrefix:"CLIENT_"`
	Agent      Agent           `yaml:"agent" envPrefix:"AGENT_"`
	Guard      Guard           `yaml:"guard" envPrefix:"GUARD_"`
}

// Log says what is logged to standard error, and how.
type Log struct {
	Level  string `yaml:"level" env:"LEVEL"`   // "debug", "info", "warn", "error"
	Format string `yaml:"format" env:"FORMAT"` // "text", "json"
}

// Engine says where the container engine is.
type Engine struct {
	// Endpoint is "unix:///run/docker.sock" or "tcp://host:2376"; empty looks at DOCKER_HOST and the usual places.
	Endpoint string `yaml:"endpoint" env:"ENDPOINT"`
}

// Kubernetes says which cluster to look at; without a kubeconfig none is.
type Kubernetes struct {
	Kubeconfig string `yaml:"kubeconfig" env:"KUBECONFIG"`
	Context    string `yaml:"context" env:"CONTEXT"`
	// AllowExec lets credential plugins named in the kubeconfig run.
	AllowExec bool `yaml:"allow_exec" env:"ALLOW_EXEC"`
}

// Collect bounds the collection.
type Collect struct {
	// Timeout is for all together, Deadline for each collector.
	Timeout  time.Duration `yaml:"timeout" env:"TIMEOUT"`
	Deadline time.Duration `yaml:"deadline" env:"DEADLINE"`
	// Parallel is how many collectors run at once.
	Parallel int `yaml:"parallel" env:"PARALLEL"`
	// ProbeRegistries asks the registries configured on the host for their certificate and for anonymous access.
	ProbeRegistries bool `yaml:"probe_registries" env:"PROBE_REGISTRIES"`
	// SetuidSearch is how long the search of the host's file systems for setuid files may take.
	SetuidSearch time.Duration `yaml:"setuid_search" env:"SETUID_SEARCH"`
	// ImageContents looks inside images for setuid files, tools and secrets.
	ImageContents bool `yaml:"image_contents" env:"IMAGE_CONTENTS"`
}

// Default is the configuration without a file.
func Default() Config {
	return Config{
		Log:  Log{Level: "warn", Format: "text"},
		Lang: "en",
		Collect: Collect{
			Timeout: 14 * time.Second, Deadline: 12 * time.Second, Parallel: 8,
			SetuidSearch: time.Second, ImageContents: true,
		},
		Assess: assess.DefaultSettings(),
		Server: defaultServer(),
		Client: Client{Timeout: 30 * time.Second},
		Agent:  defaultAgent(),
		Guard:  defaultGuard(),
	}
}

// DefaultPath is the file that is read when none is named: the first that exists of /etc/bulkhead/config.yaml for root,
// and config.yaml below the user's configuration directory.
func DefaultPath() string {
	var candidates []string
	if dir, err := os.UserConfigDir(); err == nil && os.Geteuid() != 0 {
		candidates = append(candidates, filepath.Join(dir, "bulkhead", "config.yaml"))
	}
	candidates = append(candidates, "/etc/bulkhead/config.yaml")
	for _, p := range candidates {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return ""
}

// Load reads defaults, the file (empty for none) and the environment, given as "NAME=value".
func Load(path string, environ []string) (Config, error) {
	c := Default()
	if path != "" {
		if err := c.readFile(path); err != nil {
			return Config{}, err
		}
	}
	if err := c.readEnv(environ); err != nil {
		return Config{}, err
	}
	return c, c.Validate()
}

func (c *Config) readFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return fmt.Errorf("read the configuration %s: %w", path, err)
	}
	if len(b) > maxFile {
		return fmt.Errorf("the configuration %s is larger than %d KiB", path, maxFile>>10)
	}
	if err := c.decode(b); err != nil {
		return fmt.Errorf("the configuration %s: %w", path, err)
	}
	return nil
}

func (c *Config) decode(b []byte) error {
	before := *c
	err := strict.YAML(b, c)
	if err == nil {
		// The library empties everything for a file that says nothing.
		if reflect.DeepEqual(*c, Config{}) {
			*c = before
		}
		return nil
	}
	var unknown *yaml.UnknownFieldError
	if !errors.As(err, &unknown) || unknown.Token == nil {
		return fmt.Errorf("%s", strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	at := unknown.Token.Position
	msg := fmt.Sprintf("line %d, column %d: unknown field %q", at.Line, at.Column, unknown.Token.Value)
	if near := nearest(unknown.Token.Value, fieldNames(reflect.TypeFor[Config]())); near != "" {
		msg += fmt.Sprintf("; did you mean %q?", near)
	}
	return errors.New(msg)
}

func (c *Config) readEnv(environ []string) error {
	vars := map[string]string{}
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(name, EnvPrefix) {
			vars[name] = value
		}
	}
	opts := env.Options{Environment: vars, Prefix: EnvPrefix}
	params, err := env.GetFieldParamsWithOptions(c, opts)
	if err != nil {
		return fmt.Errorf("list the environment's settings: %w", err)
	}
	var known []string
	for _, p := range params {
		known = append(known, p.Key)
	}
	for name := range vars {
		// CACHE is for scripts around the program, not for the program.
		if slices.Contains(known, name) || name == EnvPrefix+"CACHE" || name == EnvPrefix+"CONFIG" {
			continue
		}
		msg := fmt.Sprintf("unknown environment variable %s", name)
		if near := nearest(name, known); near != "" {
			msg += "; did you mean " + near + "?"
		}
		return errors.New(msg)
	}
	if err := env.ParseWithOptions(c, opts); err != nil {
		return fmt.Errorf("settings from the environment: %w", err)
	}
	return nil
}

// Validate says what is wrong with the values.
func (c *Config) Validate() error {
	if err := oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error"); err != nil {
		return err
	}
	if err := oneOf("log.format", c.Log.Format, "text", "json"); err != nil {
		return err
	}
	if err := oneOf("lang", c.Lang, "en", "zh"); err != nil {
		return err
	}
	if c.Collect.Timeout < time.Second || c.Collect.Timeout > time.Hour {
		return fmt.Errorf("collect.timeout is %s; it must be between 1s and 1h", c.Collect.Timeout)
	}
	if c.Collect.Deadline < 100*time.Millisecond || c.Collect.Deadline > c.Collect.Timeout {
		return fmt.Errorf("collect.deadline is %s; it must be between 100ms and collect.timeout (%s)",
			c.Collect.Deadline, c.Collect.Timeout)
	}
	if c.Collect.Parallel < 1 || c.Collect.Parallel > 64 {
		return fmt.Errorf("collect.parallel is %d; it must be between 1 and 64", c.Collect.Parallel)
	}
	if c.Collect.SetuidSearch < 0 || c.Collect.SetuidSearch > c.Collect.Timeout {
		return fmt.Errorf("collect.setuid_search is %s; it must be between 0s and collect.timeout (%s)",
			c.Collect.SetuidSearch, c.Collect.Timeout)
	}
	if err := c.Server.Validate(); err != nil {
		return err
	}
	if err := c.Client.validate(); err != nil {
		return err
	}
	if err := c.Agent.validate(); err != nil {
		return err
	}
	if err := c.Guard.validate(); err != nil {
		return err
	}
	return c.Assess.Validate()
}

func oneOf(name, got string, allowed ...string) error {
	if slices.Contains(allowed, got) {
		return nil
	}
	return fmt.Errorf("%s is %q; it must be one of %s", name, got, strings.Join(allowed, ", "))
}

// nearest returns the name that was probably meant, or "" when nothing is near.
func nearest(name string, known []string) string {
	best, dist := "", len(name)/2+1
	for _, k := range known {
		if d := levenshtein.ComputeDistance(name, k); d < dist {
			best, dist = k, d
		}
	}
	return best
}

// fieldNames lists the names that may stand in the file, of the type and all below it.
func fieldNames(t reflect.Type) []string {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			names = append(names, name)
			names = append(names, fieldNames(f.Type)...)
		}
	}
	return names
}
