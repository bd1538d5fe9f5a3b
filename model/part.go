package model

// HostPart returns the host's part of the snapshot and makes it where it is not there yet, so that each collector can
// fill its own fields.
func (s *Snapshot) HostPart() *Host {
	if s.Host == nil {
		s.Host = &Host{}
	}
	return s.Host
}
