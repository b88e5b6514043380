#!/usr/bin/env bash
# Builds the image from the Dockerfile and starts it, without a registry and without the network but for `npm ci`: the base
# images are made here, from this machine's Node.js, its libraries and its npm. Needs root and buildah (Debian: apt-get install
# buildah); nothing of it is part of the test run, since a machine without root could not do it.
#
#   test/image/prove.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

node=$(node -p process.execPath)
npm=$(dirname "$(readlink -f "$(command -v npm)")")/..
work=$(mktemp -d)
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
export CONTAINERS_STORAGE_CONF=$work/storage.conf
printf '[storage]\ndriver = "vfs"\nrunroot = "%s/run"\ngraphroot = "%s/graph"\n' "$work" "$work" >"$CONTAINERS_STORAGE_CONF"
trap 'buildah rm --all >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

# base NAME FOLDER PROGRAM…: an image with these programs in a folder, and everything they are linked against.
base() {
  local name=$1 folder=$2 container root
  shift 2
  container=$(buildah from scratch)
  root=$(buildah mount "$container")
  mkdir -p "$root"/{tmp,etc,bin}
  chmod 1777 "$root/tmp"
  for file in "$@"; do
    install -D "$(readlink -f "$file")" "$root$folder/$(basename "$file")"
    { ldd "$(readlink -f "$file")" 2>/dev/null || true; } | grep -o '/[^ ]*' | while read -r library; do
      install -D "$library" "$root$library"
    done
  done
  if [ "$name" = builder ]; then
    ln -s /usr/bin/bash "$root/bin/sh"
    mkdir -p "$root/opt"
    cp -r "$npm" "$root/opt/npm"
    printf '#!/bin/sh\nexec node /opt/npm/bin/npm-cli.js "$@"\n' >"$root/usr/bin/npm"
    chmod +x "$root/usr/bin/npm"
    # node_modules/.bin/esbuild begins with `#!/usr/bin/env node`; names and this machine's authorities are for `npm ci`.
    buildah config --env PATH=/usr/bin:/bin --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt "$container"
    mkdir -p "$root/etc/ssl" && cp -rL /etc/ssl/certs "$root/etc/ssl/" && cp -L /etc/hosts /etc/nsswitch.conf "$root/etc/" || true
  fi
  buildah commit --quiet "$container" "localhost/$name" >/dev/null
  buildah rm "$container" >/dev/null
}

# Like distroless: nothing but Node.js, in a folder that is on no PATH.
base runtime /nodejs/bin "$node"
base builder /usr/bin "$node" /bin/bash /usr/bin/env /usr/bin/find /bin/cp /bin/mkdir /bin/rm

build() {
  buildah build --quiet --network host --timestamp 0 --build-arg BUILDER=localhost/builder --build-arg RUNTIME=localhost/runtime \
    --build-arg VERSION="$(node -p 'require("./package.json").version')" --build-arg REVISION="$(git rev-parse HEAD)" \
    --no-cache --tag "$1" . >/dev/null
}
build localhost/pratique:one
build localhost/pratique:two

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
