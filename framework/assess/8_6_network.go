package assess

// networkChecks answer for clause 8.6.
func networkChecks() []Check {
	return nil
}
