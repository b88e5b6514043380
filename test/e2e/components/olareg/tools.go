//go:build tools

// Package tools pins the registry that serves the referrers API.
package tools

import _ "github.com/olareg/olareg/cmd/olareg"
