package config

import "fmt"

// Policies say how policies are changed.
type Policies struct {
	// Approval is "optional", or "required": then they change by proposals that a second person approves, and by nothing else.
	Approval string `yaml:"approval" env:"APPROVAL"`
}

func (p *Policies) validate() error {
	if p.Approval != "optional" && p.Approval != "required" {
		return fmt.Errorf("server.policies.approval is %q; it must be optional or required", p.Approval)
	}
	return nil
}
