//go:build tools

// Package tools pins a copier of images, to compare with.
package tools

import _ "github.com/google/go-containerregistry/cmd/crane"
