#!/usr/bin/env bash
# Builds the image from the Dockerfile and starts it, without a registry and without the network but for `npm ci`: the base
# images are made here, from this machine's Node.js, its libraries and its npm. Needs root and buildah (Debian: apt-get install
# buildah). The end-to-end tests on nodes build it by build.sh and run it; that it is reproducible is proven here.
#
#   test/image/prove.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

STORAGE=$(mktemp -d)
. test/image/bases.sh
trap 'buildah rm --all >/dev/null 2>&1 || true; rm -rf "$STORAGE"' EXIT

for tag in one two; do
  build --no-cache --build-arg REVISION="$(git rev-parse HEAD)" --tag "localhost/pratique:$tag"
done

layers() { buildah inspect --type image --format '{{range .OCIv1.RootFS.DiffIDs}}{{.}} {{end}}' "$1"; }
[ "$(layers localhost/pratique:one)" = "$(layers localhost/pratique:two)" ] || { echo 'two builds differ'; exit 1; }
echo "reproducible: $(layers localhost/pratique:one)"

container=$(buildah from localhost/pratique:one)
buildah inspect --type image --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Labels}}' localhost/pratique:one
root=$(buildah mount "$container")
echo "files: $(cd "$root/app" && find . -type f | sort | tr '\n' ' ')"
[ ! -e "$root/app/node_modules/esbuild" ]
# As in the cluster: its own user, no capability, and a root file system that belongs to another user.
run() { buildah run --user 65532:65532 --cap-drop all "$container" -- node /app/pratique.js "$@"; }
echo "version: $(run version)"
install -D -m 644 manifests/samples/first-steps.yaml "$root/policies/policy.yaml"
run check localhost:1/shop/web:1 --policies /policies || code=$?
# No registry listens at that address: the image is unknown, and the policy admits it with a warning.
echo "check ended with ${code:-0}"
