//go:build tools

// Package tools pins the conformance tests of the OCI distribution spec.
package tools

import _ "github.com/opencontainers/distribution-spec/conformance"
