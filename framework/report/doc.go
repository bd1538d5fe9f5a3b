// Package report turns a model.Assessment into what people and programs read: text for a terminal, JSON, one HTML page,
// SARIF, and the difference between two assessments.
//
// It is pure: it writes to an io.Writer and has no clock, no files and no network. It judges nothing; the one rule of
// its own is FailOn, which decides an exit code. Names in an assessment come from outside (containers, images, files)
// and are hostile until shown as plain text: see clean.
package report
