//go:build tools

// Package tools pins the container runtime of the nodes of the end-to-end tests:
// image volumes need containerd 2, which Debian 12 does not have.
package tools

import (
	_ "github.com/containerd/containerd/v2/cmd/containerd"
	_ "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"
)
