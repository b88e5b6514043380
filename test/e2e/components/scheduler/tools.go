//go:build tools

// Package tools pins the scheduler that places the replicas of the chart in the
// end-to-end tests: of the same version of Kubernetes as the control plane.
package tools

import (
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
)
