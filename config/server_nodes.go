package config

import (
	"fmt"
	"time"
)

// Nodes says how long nodes are what their certificates say.
type Nodes struct {
	Certificate time.Duration `yaml:"certificate" env:"CERTIFICATE"` // how long one lasts; it is renewed from half of that on
	Grace       time.Duration `yaml:"grace" env:"GRACE"`             // how long after its end it is good for its renewal
}

func (n *Nodes) validate() error {
	switch {
	case n.Certificate < 10*time.Minute || n.Certificate > 30*day:
		return fmt.Errorf("server.nodes.certificate is %s; it must be between 10m and 720h", n.Certificate)
	case n.Grace < 0 || n.Grace > 365*day:
		return fmt.Errorf("server.nodes.grace is %s; it must be between 0s and 8760h", n.Grace)
	}
	return nil
}
