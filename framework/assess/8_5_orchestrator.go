package assess

// orchestratorChecks answer for clause 8.5.
func orchestratorChecks() []Check {
	return nil
}
