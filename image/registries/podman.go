package registries

import (
	"slices"
	"strings"
)

// podmanFile is registries.conf in its second version, and the tables of the first.
type podmanFile struct {
	Search   []string         `toml:"unqualified-search-registries"`
	Registry []podmanRegistry `toml:"registry"`
	Old      struct {
		Search   podmanList `toml:"search"`
		Insecure podmanList `toml:"insecure"`
	} `toml:"registries"`
}

type podmanList struct {
	Registries []string `toml:"registries"`
}

type podmanRegistry struct {
	Prefix   string           `toml:"prefix"`
	Location string           `toml:"location"`
	Insecure bool             `toml:"insecure"`
	Blocked  bool             `toml:"blocked"`
	Mirror   []podmanRegistry `toml:"mirror"`
}

func (s *set) addPodman(data []byte) error {
	var f podmanFile
	if err := decode(data, &f); err != nil {
		return err
	}
	for _, host := range slices.Concat(f.Search, f.Old.Search.Registries) {
		s.addURL(host, sourcePodman, false)
	}
	for _, host := range f.Old.Insecure.Registries {
		if e := s.addURL(host, sourcePodman, false); e != nil {
			e.Insecure = true
		}
	}
	for _, reg := range f.Registry {
		if reg.Blocked {
			continue
		}
		location := reg.Location
		if location == "" {
			location = strings.TrimPrefix(reg.Prefix, "*.")
		}
		if e := s.addURL(location, sourcePodman, false); e != nil {
			e.Insecure = e.Insecure || reg.Insecure
		}
		for _, m := range reg.Mirror {
			if e := s.addURL(m.Location, sourcePodman, true); e != nil {
				e.Insecure = e.Insecure || m.Insecure
			}
		}
	}
	return nil
}
