package main

import (
	"fmt"
	"sync"

	"github.com/goccy/go-yaml"

	"github.com/bulkhead-security/bulkhead/config"
)

// nodeSettings are the configuration with what the pool's settings say over it.
type nodeSettings struct {
	base config.Config

	mu      sync.Mutex
	current *config.Config
}

func (s *nodeSettings) now() config.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.base
	if s.current != nil {
		c = *s.current
	}
	c.Collect.Parallel = c.Agent.Parallel
	return c
}

// set takes the settings of checks as they stand under "assess" in the configuration file; nil goes back to this machine's own.
func (s *nodeSettings) set(checks map[string]any) error {
	c := s.base
	if len(checks) > 0 {
		b, err := yaml.Marshal(checks)
		if err != nil {
			return fmt.Errorf("settings of checks: %w", err)
		}
		if err := yaml.UnmarshalWithOptions(b, &c.Assess, yaml.Strict()); err != nil {
			return fmt.Errorf("settings of checks: %w", err)
		}
		if err := c.Assess.Validate(); err != nil {
			return fmt.Errorf("settings of checks: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = &c
	return nil
}
