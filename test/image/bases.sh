# Sourced by the scripts beside this file: how the image is built where no registry can be reached. The base images are made from
# this machine's Node.js, its libraries and its npm; the network is needed for `npm ci` alone. Needs root and buildah.
# STORAGE is the folder in which buildah keeps images and layers.
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=${STORAGE_DRIVER:-overlay} CONTAINERS_STORAGE_CONF=$STORAGE/storage.conf
mkdir -p "$STORAGE"
printf '[storage]\ndriver = "%s"\nrunroot = "%s/run"\ngraphroot = "%s/graph"\n' "$STORAGE_DRIVER" "$STORAGE" "$STORAGE" >"$CONTAINERS_STORAGE_CONF"

node=$(node -p process.execPath)
npm=$(dirname "$(readlink -f "$(command -v npm)")")/..
# The same programs make the same bases: those that are there are used again, and with them the layers above them.
version=$("$node" -p 'process.version')-$("$node" -p 'require(process.argv[1]).version' "$npm/package.json")

# base NAME FOLDER PROGRAM…: an image with these programs in a folder, and everything they are linked against.
base() {
  local name=$1 folder=$2 container root
  shift 2
  ! buildah inspect --type image "localhost/$name:$version" >/dev/null 2>&1 || return 0
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
  # Names of hosts, users and authorities, as distroless has them.
  mkdir -p "$root/etc/ssl"
  cp -rL /etc/ssl/certs "$root/etc/ssl/"
  printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' >"$root/etc/passwd"
  printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
  if [ "$name" = builder ]; then
    ln -s /usr/bin/bash "$root/bin/sh"
    mkdir -p "$root/opt"
    cp -r "$npm" "$root/opt/npm"
    printf '#!/bin/sh\nexec node /opt/npm/bin/npm-cli.js "$@"\n' >"$root/usr/bin/npm"
    chmod +x "$root/usr/bin/npm"
    # node_modules/.bin/esbuild begins with `#!/usr/bin/env node`; this machine's authorities and its cache are for `npm ci`.
    buildah config --env PATH=/usr/bin:/bin --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt --env npm_config_cache=/npm-cache "$container"
    cp -L /etc/hosts "$root/etc/"
  fi
  buildah commit --quiet "$container" "localhost/$name:$version" >/dev/null
  buildah rm "$container" >/dev/null
}

# Like distroless: nothing but Node.js, in a folder that is on no PATH.
base runtime /nodejs/bin "$node"
base builder /usr/bin "$node" /bin/bash /usr/bin/env /usr/bin/find /bin/cp /bin/mkdir /bin/rm

# build OPTION…: the image of the Dockerfile in the current folder.
build() {
  local cache
  cache=$(npm config get cache)
  mkdir -p "$cache"
  buildah build --quiet --network host --timestamp 0 --volume "$cache:/npm-cache" --build-arg "BUILDER=localhost/builder:$version" \
    --build-arg "RUNTIME=localhost/runtime:$version" --build-arg VERSION="$("$node" -p 'require("./package.json").version')" "$@" . >"$STORAGE/build-$$.log" 2>&1 ||
    { cat "$STORAGE/build-$$.log" >&2; return 1; }
  rm -f "$STORAGE/build-$$.log"
}
