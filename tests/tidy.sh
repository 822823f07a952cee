#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tidy.sh TREE FOLDER: clang-tidy over src/FOLDER's sources (tests left out) with the compile commands of the build tree TREE.
# A file that was clean is not looked at again until it, a header of ours or .clang-tidy changes: parsing is what costs.
set -u
root=$(cd "$(dirname "$0")/.." && pwd -P)
tree=$1
folder=$2
seen=$tree/tidy-seen
mkdir -p "$seen"
failed=0
# Any of our headers may be in any file; one digest for all of them is simple and never wrong.
headers=$(cd "$root" && find src -name '*.h' | LC_ALL=C sort | xargs cat .clang-tidy | sha256sum | cut -d' ' -f1)
for file in $(cd "$root" && find "src/$folder" -name '*.cc' ! -name '*_test.cc' ! -name '*_fuzz.cc' | LC_ALL=C sort); do
  key=$seen/$(printf '%s %s %s' "$headers" "$file" "$(sha256sum <"$root/$file")" | sha256sum | cut -d' ' -f1)
  [ -e "$key" ] && continue
  if clang-tidy-16 --quiet -p "$tree" "$root/$file" 2>"$tree/tidy.err.$$"; then
    : >"$key"
  else
    grep -v 'warnings generated\|treated as error' "$tree/tidy.err.$$" >&2
    failed=1
  fi
done
rm -f "$tree/tidy.err.$$"
exit $failed
