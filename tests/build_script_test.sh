#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# scripts/build.sh away from a terminal: a command's output goes to the log, the quarters of the way are told, and a failure shows
# the log's end. And what ./caisson builds again for.
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
me=me
# shellcheck source=scripts/build.sh
. "$root/scripts/build.sh"
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

expect() {
  [ "$2" = "$3" ] && return 0
  printf '%s: expected\n%s\ngot\n%s\n' "$1" "$2" "$3"
  exit 1
}

builds() {
  echo "[0/1] Re-running CMake..."
  echo "ninja: nothing of ours"
  echo "[x/80] no number"
  i=0
  while [ $((i += 1)) -le 80 ]; do echo "[$i/80] Building $i"; done
}
fails() {
  echo "[1/2] Building"
  echo "why"
  return 3
}

said=$(in_log "$scratch/log" builds 2>&1) || expect "exit code of a build" 0 $?
expect "what is said of a build" "me: built 25 %
me: built 50 %
me: built 75 %" "$said"
expect "the log" "$(builds)" "$(cat "$scratch/log")"
said=$(in_log "$scratch/log" fails 2>&1) && expect "exit code of a failure" "not 0" 0
expect "what is said of a failure" "[1/2] Building
why" "$said"
expect "what is left" "log" "$(ls "$scratch")"

# In a tree that was built just now, but for what is newer: NAME.
is_stale_with_newer() {
  (
    eval "$(sed -n '/^is_stale() {/,/^}/p' "$root/caisson")"
    root=$scratch/tree
    build=$root/build/release
    stamp=$build/built
    rm -rf "$root"
    mkdir -p "$root/src" "$root/agents" "$root/cmake" "$root/scripts" "$build/bin"
    touch "$root/CMakeLists.txt" "$root/src/main.cc" "$root/scripts/packages.txt" "$root/scripts/build.sh" "$build/bin/caisson"
    chmod +x "$build/bin/caisson"
    find "$root" -exec touch -d "2020-01-01" {} +
    touch -d "2020-01-02" "$stamp"
    [ -z "$1" ] || touch -d "2020-01-03" "$root/$1"
    is_stale
  )
}
is_stale_with_newer "" && expect "a tree in which nothing is newer" "not stale" "stale"
for name in src/main.cc CMakeLists.txt scripts/packages.txt scripts/build.sh; do
  is_stale_with_newer "$name" || expect "a tree in which $name is newer" "stale" "not stale"
done
