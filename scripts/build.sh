# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154,SC2016
#
# Sourced by ./caisson and ./test: configures and builds. Needs $root and $me.

# shellcheck source=scripts/packages.sh
. "$root/scripts/packages.sh"

# Opens build/lock as descriptor 9 and waits for it, so that two commands never build in one tree at once.
lock_build() {
  if ! mkdir -p "$root/build" 2>/dev/null || ! [ -w "$root/build" ]; then
    die "cannot build in '$root/build': it is not writable for $(id -un) (it belongs to $(stat -c %U "$root/build" 2>/dev/null || stat -c %U "$root"); build as that user, or clone the repository for yourself)"
  fi
  # A tree that another user built partly: say so before cmake fails in the middle.
  for place in "$root/build/lock" "$root/build/release"; do
    if [ -e "$place" ] && ! [ -w "$place" ]; then
      die "cannot build in '$place': it is not writable for $(id -un) (it belongs to $(stat -c %U "$place"); build as that user, remove it, or clone the repository for yourself)"
    fi
  done
  exec 9>>"$root/build/lock"
  if ! flock -n 9; then
    echo "$me: waiting for another build in this folder" >&2
    flock 9
  fi
}

unlock_build() { exec 9>&-; }

# in_log LOG COMMAND…: on a terminal its output is shown as it comes (ninja keeps to one line there), elsewhere it goes to the
# log, whose end is shown on failure, and a line is said at each quarter of the way.
in_log() {
  log=$1
  shift
  if [ -t 2 ]; then
    "$@" >&2 </dev/null 9>&-
  else
    rm -f "$log.done"
    { "$@" 2>&1 </dev/null 9>&- && : >"$log.done"; } | tell_quarters 9>&- >"$log"
    if ! [ -e "$log.done" ]; then
      tail -n 40 "$log" >&2
      return 1
    fi
    rm -f "$log.done"
  fi
}

# Passes on ninja's output, whose lines begin with NINJA_STATUS='[%f/%t] '. Of few steps nothing is said: they are done before anybody asks.
tell_quarters() {
  told=0
  while IFS= read -r line; do
    printf '%s\n' "$line"
    count=${line%%]*}
    count=${count#[}
    case $line:$count in
      \[*:*[!0-9/]* | \[*:*/*/* | [!\[]*) continue ;;
      \[*:[0-9]*/[0-9]*) ;;
      *) continue ;;
    esac
    finished=${count%/*} total=${count#*/}
    [ "$total" -ge 40 ] || continue
    quarter=$((finished * 4 / total))
    if [ "$quarter" -gt "$told" ] && [ "$quarter" -lt 4 ]; then
      told=$quarter
      echo "$me: built $((quarter * 25)) %" >&2
    fi
  done
}

# configure FOLDER OPTION…: cmake, quietly; it is skipped where the folder is configured with these options already (ninja
# itself runs cmake again when a CMakeLists.txt changes).
configure() {
  folder=$1
  shift
  mkdir -p "$folder" || die "cannot make the folder '$folder'"
  if [ "$(cat "$folder/configured" 2>/dev/null)" = "$root $*" ] && [ -e "$folder/build.ninja" ]; then return 0; fi
  # A moved or copied source tree makes a cache that cmake refuses.
  if ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$folder/CMakeCache.txt" 2>/dev/null; then
    rm -rf "$folder/CMakeCache.txt" "$folder/CMakeFiles"
  fi
  cmake -S "$root" -B "$folder" -G Ninja "$@" >"$folder/configure.log" 2>&1 </dev/null 9>&- || {
    tail -n 30 "$folder/configure.log" >&2
    die "cmake failed (the whole output is in '$folder/configure.log')"
  }
  echo "$root $*" >"$folder/configured"
}

# The programs a user runs, in build/release.
build_release() {
  lock_build
  # Another command may have built it while this one waited for the lock.
  if ! is_stale; then
    unlock_build
    return 0
  fi
  install_packages build run
  echo "$me: building (the first time takes some minutes)" >&2
  touch "$build.started" || die "cannot write in '$root/build'"
  # ./test may have configured the same folder with the tests; its options stay.
  if ! [ -e "$build/configured" ] || ! grep -qF "$root " "$build/configured"; then
    configure "$build" -DCMAKE_BUILD_TYPE=Release
  fi
  NINJA_STATUS='[%f/%t] ' in_log "$build/build.log" ninja -C "$build" programs ||
    die "the build failed (again by hand: ninja -C '$build' programs)"
  # The stamp's time is when the build began: a source saved while it ran is newer.
  mv -f "$build.started" "$stamp"
  unlock_build
}
