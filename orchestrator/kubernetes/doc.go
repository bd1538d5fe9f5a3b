// Package kubernetes reads a cluster through its API server into model.Kubernetes: nodes, control plane, namespaces and
// what isolates them, pods as workloads, replicas, over-broad rights, admission and how people sign in.
//
// It (but for the room upkeep) only lists and never changes anything, runs no program named in a kubeconfig unless it is told to, and judges
// nothing. It may import model, pure packages and client-go.
package kubernetes
