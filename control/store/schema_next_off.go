//go:build !nextschema

package store

// upcoming is what the version after this one would bring: nothing that is known yet. Tests build a program with something; see
// schema_next.go.
func upcoming(int) []migration { return nil }
