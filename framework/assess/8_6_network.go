package assess

import "slices"

// networkChecks answer for clause 8.6.
func networkChecks() []Check {
	return slices.Concat(
		trafficChecks(), // 8.6.1
		isolateChecks(), // 8.6.2.a.1
		allowChecks(),   // 8.6.2.a.2
		outsideChecks(), // 8.6.2.b
		followChecks(),  // 8.6.2.c
	)
}
