package registries

// criConfig is the part of containerd's config.toml about registries, in the form that hosts.toml replaced.
type criConfig struct {
	Plugins map[string]struct {
		Registry struct {
			Mirrors map[string]struct {
				Endpoint []string `toml:"endpoint"`
			} `toml:"mirrors"`
			Configs map[string]struct {
				TLS struct {
					InsecureSkipVerify bool `toml:"insecure_skip_verify"`
				} `toml:"tls"`
			} `toml:"configs"`
		} `toml:"registry"`
	} `toml:"plugins"`
}

func (s *set) addCRI(data []byte) error {
	var f criConfig
	if err := decode(data, &f); err != nil {
		return err
	}
	for _, p := range f.Plugins {
		for host, m := range p.Registry.Mirrors {
			for _, endpoint := range m.Endpoint {
				if e := s.addURL(endpoint, sourceCRI, false); e != nil {
					e.Mirror = e.Mirror || e.Host != host
				}
			}
		}
		for host, c := range p.Registry.Configs {
			if e := s.at(host, sourceCRI); e != nil {
				e.Insecure = e.Insecure || c.TLS.InsecureSkipVerify
			}
		}
	}
	return nil
}
