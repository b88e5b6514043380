//go:build tools

// Package tools pins the newest client of the generation before, which writes signatures in its own places.
package tools

import _ "github.com/sigstore/cosign/v2/cmd/cosign"
