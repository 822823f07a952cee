#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# fuzz.sh TARGET [SECONDS]: fuzzes one target (default 60 s) in a build of its own, with coverage, and keeps the inputs that reach new
# code in tests/corpus/TARGET. A crash leaves its input in build/fuzz/crashes, and its exit code is not 0.
set -eu
root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd -P)
target=${1:?usage: fuzz.sh TARGET [SECONDS]}
seconds=${2:-60}
tree=$root/build/fuzz
corpus=$root/tests/corpus/$target
mkdir -p "$tree/crashes" "$tree/found" "$corpus"
cmake -S "$root" -B "$tree" -G Ninja -DCMAKE_BUILD_TYPE=Sanitize -DCMAKE_CXX_COMPILER=clang++-16 -DCAISSON_FUZZ=ON \
  -DCAISSON_SANITIZE=address,undefined,fuzzer-no-link >"$tree/configure.log"
ninja -C "$tree" "$target"
"$tree/bin/$target" -max_total_time="$seconds" -artifact_prefix="$tree/crashes/" "$tree/found" "$corpus"
# Only the inputs that add coverage are worth keeping.
"$tree/bin/$target" -merge=1 "$corpus" "$tree/found"
