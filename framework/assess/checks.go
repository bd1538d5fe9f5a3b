package assess

// checks lists every check, by clause. The order within a requirement is the order of the report.
func checks() []Check {
	var all []Check
	for _, group := range [][]Check{
		runtimeChecks(),      // 8.1
		registryChecks(),     // 8.2
		imageChecks(),        // 8.3
		hostChecks(),         // 8.4
		orchestratorChecks(), // 8.5
		networkChecks(),      // 8.6
	} {
		all = append(all, group...)
	}
	return all
}
