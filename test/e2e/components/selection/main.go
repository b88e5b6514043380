// Says which image the runtimes pick from an index, with their own code: containerd (core/images, platforms) and CRI-O
// (containers/image, manifest). Reads a line of JSON per question from standard input and answers each with a line:
//
//	{"folder": "/blobs", "root": "sha256:…", "os": "linux", "architecture": "arm64", "variant": "v8"}
//	{"containerd": "sha256:…", "crio": "sha256:…"}
//
// The folder holds every manifest and blob under its hexadecimal digest. An answer is empty where a runtime picks nothing, and
// `containerdError` and `crioError` say why.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/types"
)

type question struct {
	Folder       string        `json:"folder"`
	Root         digest.Digest `json:"root"`
	OS           string        `json:"os"`
	Architecture string        `json:"architecture"`
	Variant      string        `json:"variant"`
	OSVersion    string        `json:"osVersion"`
}

type answer struct {
	Containerd      digest.Digest `json:"containerd,omitempty"`
	ContainerdError string        `json:"containerdError,omitempty"`
	Crio            digest.Digest `json:"crio,omitempty"`
	CrioError       string        `json:"crioError,omitempty"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		var said answer
		var err error
		if said.Containerd, err = byContainerd(asked); err != nil {
			said.ContainerdError = err.Error()
		}
		if said.Crio, err = byCrio(asked, asked.Root); err != nil {
			said.CrioError = err.Error()
		}
		line, _ := json.Marshal(said)
		fmt.Println(string(line))
	}
}

func (q question) read(d digest.Digest) ([]byte, error) {
	return os.ReadFile(filepath.Join(q.Folder, d.Encoded()))
}

// store is the content store of containerd over that folder.
type store struct{ question }

type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

func (s store) ReaderAt(_ context.Context, d ocispec.Descriptor) (content.ReaderAt, error) {
	b, err := s.read(d.Digest)
	if err != nil {
		return nil, err
	}
	return reader{bytes.NewReader(b)}, nil
}

// byContainerd picks as a node does: images.Manifest with the platform of the node. Manifests are found again by their config, which
// is all that it answers; every image of the tests has its own.
func byContainerd(q question) (digest.Digest, error) {
	b, err := q.read(q.Root)
	if err != nil {
		return "", err
	}
	root := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: q.Root, Size: int64(len(b))}
	node := platforms.Only(ocispec.Platform{OS: q.OS, Architecture: q.Architecture, Variant: q.Variant, OSVersion: q.OSVersion})
	picked, err := images.Manifest(context.Background(), store{q}, root, node)
	return picked.Config.Digest, err
}

// byCrio picks as containers/image does: level by level, each by the type that its body has.
func byCrio(q question, d digest.Digest) (digest.Digest, error) {
	b, err := q.read(d)
	if err != nil {
		return "", err
	}
	mime := manifest.GuessMIMEType(b)
	if !manifest.MIMETypeIsMultiImage(mime) {
		var image ocispec.Manifest
		err := json.Unmarshal(b, &image)
		return image.Config.Digest, err
	}
	list, err := manifest.ListFromBlob(b, mime)
	if err != nil {
		return "", err
	}
	next, err := list.ChooseInstance(&types.SystemContext{OSChoice: q.OS, ArchitectureChoice: q.Architecture, VariantChoice: q.Variant})
	if err != nil {
		return "", err
	}
	return byCrio(q, next)
}
