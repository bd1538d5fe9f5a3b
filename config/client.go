package config

import (
	"fmt"
	"time"
)

// Client says which control plane the command line talks to.
type Client struct {
	Server string `yaml:"server" env:"SERVER"`   // https://host:port; empty takes that of `bulkhead login`
	CAFile string `yaml:"ca_file" env:"CA_FILE"` // PEM; empty takes the one that `bulkhead login` or `enrol` kept
	// TokenFile has an API token, e.g. for CI; empty takes the credentials of `bulkhead login`.
	TokenFile string        `yaml:"token_file" env:"TOKEN_FILE"`
	Keyring   bool          `yaml:"keyring" env:"KEYRING"` // keep credentials in the desktop's keyring, not in a file
	Timeout   time.Duration `yaml:"timeout" env:"TIMEOUT"` // of one request
}

func (c *Client) validate() error {
	if c.Timeout < time.Second || c.Timeout > 10*time.Minute {
		return fmt.Errorf("client.timeout is %s; it must be between 1s and 10m", c.Timeout)
	}
	if c.Server == "" {
		return nil
	}
	return httpsURL("client.server", c.Server)
}
