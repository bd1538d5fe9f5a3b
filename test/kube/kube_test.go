// Package kube drives a real API server of Kubernetes.
package kube

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/envtest"

	_ "k8s.io/api/core/v1"
	_ "k8s.io/client-go/kubernetes"

	"github.com/bulkhead-security/bulkhead/orchestrator/kubernetes/upkeep"
)

func TestX(t *testing.T) { _ = envtest.Environment{}; _ = upkeep.Node{} }
