//go:build tools

// Package tools pins the cosign client that signs the end-to-end images.
package tools

import _ "github.com/sigstore/cosign/v3/cmd/cosign"
