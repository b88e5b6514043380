//go:build tools

// Package tools pins the builder behind `docker build`, to pull with.
package tools

import (
	_ "github.com/moby/buildkit/cmd/buildctl"
	_ "github.com/moby/buildkit/cmd/buildkitd"
)
