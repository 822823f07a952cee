#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs shellcheck over every shell script of the tree, found by name or by first line.
cd "$(dirname "$0")/.." || exit 1
scripts=$(find caisson test .ci scripts tests docs -type f ! -path 'tests/corpus/*' \
  \( -name '*.sh' -o -exec grep -qzE '^#!/bin/(ba)?sh' {} \; \) -print | grep -v '/node_modules/' | LC_ALL=C sort)
# shellcheck disable=SC2086
exec shellcheck -x $scripts
