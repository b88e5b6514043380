//go:build tools

// Package tools pins a copier of images that carries referrers, to compare with.
package tools

import _ "github.com/regclient/regclient/cmd/regctl"
