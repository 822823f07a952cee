#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# install_test.sh BUILD_FOLDER: installs into an empty folder and looks at what is there; then builds the .deb and looks into it.
set -eu
build=$(cd "$1" && pwd -P)
root=$(cd "$(dirname "$0")/../.." && pwd -P)
work=$(mktemp -d "${TMPDIR:-/tmp}/caisson-install.XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# No file may name the place where it was built: it would point nowhere on another machine, and tell about this one.
check_no_build_paths() {
  for path in "$root" "$build"; do
    if grep -rlaF "$path" "$1" >"$work/hits"; then fail "the path '$path' is in: $(cat "$work/hits")"; fi
  done
}

check_files() {
  [ -x "$1/bin/caisson" ] || fail "no bin/caisson"
  [ -x "$1/libexec/caisson/caisson-init" ] || fail "no libexec/caisson/caisson-init"
  file "$1/libexec/caisson/caisson-init" | grep -q 'statically linked\|static-pie' || fail "caisson-init is not static"
  for file in caisson/agents/claude.toml doc/caisson/README.md doc/caisson/copyright doc/caisson/docs/threat-model.md \
    bash-completion/completions/caisson zsh/vendor-completions/_caisson fish/vendor_completions.d/caisson.fish; do
    [ -s "$1/share/$file" ] || fail "no share/$file"
  done
  unwanted=$(find "$1" -name '*_test' -o -name '*_fuzz' -o -name '*-bench' -o -name '*.a' -o -name '*.h')
  [ -z "$unwanted" ] || fail "installed, but of no use there: $unwanted"
}

# With nothing of the build tree in the environment, and a HOME of its own.
installed() {
  program=$1/bin/caisson
  shift
  mkdir -p "$work/home"
  env -i HOME="$work/home" PATH=/usr/sbin:/usr/bin:/sbin:/bin "$program" "$@"
}

run_installed() {
  installed "$1" version | grep -q '^caisson [0-9]' || fail "the installed caisson does not run"
  installed "$1" agent ls | grep -q '^claude ' || fail "the installed caisson does not find its agents"
}

# What it finds beside itself: the helper that unpacks an image, init, the server of a workspace.
use_installed() {
  # A kernel of one's own comes from a package mirror; this one is copied.
  mkdir -p "$work/home/.cache/caisson" "$work/project"
  cp -a "$root/build/test-cache/caisson/kernels" "$work/home/.cache/caisson/"
  (cd "$root/tests/e2e" && python3 -B -c "import sys, images; images.make_busybox_tar(sys.argv[1])" "$work/tiny.tar")
  installed "$1" image import tiny "$work/tiny.tar" >"$work/log" 2>&1 || fail "image import: $(cat "$work/log")"
  echo content >"$work/project/file"
  said=$(installed "$1" run --image tiny --cpus 1 --memory 256M -w "$work/project" -- cat file 2>"$work/log") ||
    fail "run: $(cat "$work/log")"
  [ "$said" = content ] || fail "run printed '$said'"
}

echo "# cmake --install"
DESTDIR="$work/dest" cmake --install "$build" --prefix /usr/local >"$work/log" 2>&1 || fail "cmake --install: $(tail -20 "$work/log")"
outside=$(find "$work/dest" -type f ! -path "$work/dest/usr/local/*")
[ -z "$outside" ] || fail "installed outside of the prefix: $outside"
check_files "$work/dest/usr/local"
check_no_build_paths "$work/dest"
run_installed "$work/dest/usr/local"

echo "# the Debian package"
mkdir "$work/deb"
(cd "$work/deb" && cpack --config "$build/CPackConfig.cmake" -B "$work/deb" >"$work/log" 2>&1) || fail "cpack: $(tail -20 "$work/log")"
set -- "$work"/deb/*.deb
[ -s "$1" ] || fail "cpack made no .deb"
dpkg-deb --info "$1" >"$work/info"
for package in $(awk '/^\[/ { run = $0 == "[run]"; next } run && /^[a-z0-9]/' "$root/scripts/packages.txt") libc6; do
  grep -qE "^ Depends:.*\b$package\b" "$work/info" || fail "the package does not depend on $package: $(grep Depends "$work/info")"
done
dpkg-deb --extract "$1" "$work/extracted"
check_files "$work/extracted/usr"
check_no_build_paths "$work/extracted"
run_installed "$work/extracted/usr"
use_installed "$work/extracted/usr"
wrong=$(dpkg-deb --contents "$1" | awk '$2 != "root/root" || $1 ~ /^.......-?.w/ || $1 ~ /^-..[sS]/')
[ -z "$wrong" ] || fail "wrong owner or mode in the package: $wrong"
