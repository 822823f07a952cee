# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154,SC2016
#
# Sourced by ./caisson and ./test: installs the Debian packages of some sections of packages.txt that are missing.
# Needs $root (the source folder) and $me (the name for messages). Everything is said on stderr: stdout belongs to the
# command that the user asked for.

die() {
  echo "$me: $1" >&2
  exit 125
}

# The names in the given sections of packages.txt.
packages_of() {
  awk -v wanted=" $* " '
    /^\[/ { section = substr($0, 2, length($0) - 2); next }
    /^#/ || /^$/ { next }
    index(wanted, " " section " ") { print $1 }' "$root/scripts/packages.txt" |
    while IFS=: read -r package program; do
      if [ -z "$program" ] || ! command -v "$program" >/dev/null 2>&1; then echo "$package"; fi
    done
}

missing_packages() {
  packages_of "$@" | LC_ALL=C xargs dpkg-query -W -f='${db:Status-Status} ${Package}\n' 2>/dev/null |
    sed -n 's/^installed //p' | sort -u >"$scratch/installed"
  packages_of "$@" | sort -u | comm -23 - "$scratch/installed" | tr '\n' ' '
}

# install_packages SECTION…
install_packages() {
  command -v dpkg-query >/dev/null 2>&1 ||
    die "this is not Debian: install what $root/scripts/packages.txt names and build with cmake (see CONTRIBUTING.md)"
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/caisson-packages.XXXXXX") || die "cannot make a temporary folder"
  missing=$(missing_packages "$@")
  if [ -n "$missing" ]; then
    # As an array of words on purpose: package names have no blanks.
    # shellcheck disable=SC2086
    install_now $missing
  fi
  rm -rf "$scratch"
}

install_now() {
  as_root=
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
      rm -rf "$scratch"
      die "these packages are missing, and there is no sudo to install them with; as root: apt-get install --no-install-recommends $*"
    }
    as_root="sudo"
  fi
  echo "$me: installing $# Debian packages: $*" >&2
  log="$scratch/apt.log"
  # Descriptor 9 is the build's lock: a daemon that a package starts must not keep it.
  apt_get() {
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 "$@" >>"$log" 2>&1 </dev/null 9>&-
  }
  # Package lists that are missing or out of date make the first try fail; then they are fetched, once.
  if ! apt_get install -y --no-install-recommends "$@"; then
    if ! { apt_get update && apt_get install -y --no-install-recommends "$@"; }; then
      tail -n 15 "$log" >&2
      rm -rf "$scratch"
      die "apt-get could not install them (above is the end of what it said; run it by hand: apt-get update && apt-get install --no-install-recommends $*)"
    fi
  fi
}
