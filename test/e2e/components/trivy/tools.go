//go:build tools

// Package tools pins the scanner that promotions are tested with.
package tools

import _ "github.com/aquasecurity/trivy/cmd/trivy"
