// Package guard holds the door to the container engine to real clients and real engines: for somebody who may do everything, command lines,
// Compose and client libraries get the same through it as without it, on the oldest and the newest engine. Its tests have the build tag e2e;
// `make test` runs them. It tests no refusals: those are the drills'.
package guard
