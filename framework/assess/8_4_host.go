package assess

// hostChecks answer for clause 8.4.
func hostChecks() []Check {
	return nil
}
