package judge

import "slices"

// Demands are what the host's operator asks of calls beside policies. They may become others while calls are judged.
type Demands struct {
	Mode                         Mode
	StepUp, FourEyes, Registries []string // as in Parts
}

// Demand puts others into force, for every call that is judged from now on.
func (j *Judge) Demand(d Demands) {
	if d.Mode == "" {
		d.Mode = Enforce
	}
	d.StepUp, d.FourEyes, d.Registries = slices.Clone(d.StepUp), slices.Clone(d.FourEyes), slices.Clone(d.Registries)
	j.now.Store(&d)
}

// Observes says whether the profile is only told of.
func (j *Judge) Observes() bool { return j.now.Load().Mode == Observe }
