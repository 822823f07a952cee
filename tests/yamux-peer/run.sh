#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh LINK_PEER FOLDER: installs the other yamux into FOLDER (of the build tree) and lets the two talk.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
peer=$1
folder=$2
mkdir -p "$folder"
cp "$here/package.json" "$here/package-lock.json" "$here/peer.mjs" "$folder/"
cd "$folder"
# Installed already, from the same list: npm keeps a copy of the list it installed.
if ! cmp -s package-lock.json node_modules/.installed; then
  npm ci --no-audit --no-fund --ignore-scripts
  cp package-lock.json node_modules/.installed
fi
exec node peer.mjs "$peer"
