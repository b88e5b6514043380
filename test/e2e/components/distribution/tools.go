//go:build tools

// Package tools pins the reference registry, which has no referrers API.
package tools

import _ "github.com/distribution/distribution/v3/cmd/registry"
