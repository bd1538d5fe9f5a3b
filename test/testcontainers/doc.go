// Package testcontainers lives a life of testcontainers-go at the engine that DOCKER_HOST names: the guard's tests build and run it (see
// cmd/bulkhead). It is a module of its own, so that the product has nothing of it.
package testcontainers
