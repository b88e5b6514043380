#!/usr/bin/env bash
# Builds the image from the Dockerfile, as an OCI layout. Layers are kept in STORAGE, so that `npm ci` runs again only for other packages.
#
#   STORAGE=FOLDER test/image/build.sh LAYOUT
set -euo pipefail
cd "$(dirname "$0")/../.."
. test/image/bases.sh
build --layers --iidfile "$1.id"
buildah push --quiet "$(cat "$1.id")" "oci:$1:e2e"
rm "$1.id"
