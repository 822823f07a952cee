#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The microvm engine on real KVM: in a software-emulated machine with AMD-V (machine.py), Caisson probes /dev/kvm, makes a
template, thaws it, and runs commands whose output and exit codes are checked there.

usage: caisson_test.py BIN_FOLDER CACHE_FOLDER      (of the fixture setup.tiny: the image, the kernel)
"""

import glob
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

import images  # noqa: E402

# Runs in L1. Every step says what it checks, because the output is all there is to find out more.
SCRIPT = r"""
set -u
export PATH="/opt/caisson/bin:$PATH"
fail() { echo "FAILED: $*"; exit 1; }
at() { read -r now rest </proc/uptime; echo "[$now s] $*"; }
grep -q svm /proc/cpuinfo || fail "no AMD-V in this machine"

# The root folder is not shared unasked.
mkdir -p /work && cd /work || fail "no folder to work in"
echo mine >note

at "the probe"
# Its exit code says that this machine can't make images, which is so.
caisson doctor --json >/tmp/doctor
grep -q '"reason": *"KVM"' /tmp/doctor || fail "the microvm engine would not use KVM: $(cat /tmp/doctor)"

at "the first run makes the template"
out=$(caisson run --image tiny --cpus 1 --memory 256M -- sh -c 'echo first; exit 7')
code=$?
[ "$code" = 7 ] || fail "exit code $code"
[ "$out" = first ] || fail "output '$out'"

at "the workspace is there, and keeps what is changed in it until it is applied"
out=$(caisson run --image tiny --cpus 1 --memory 256M --name changes -- sh -c 'cat note; echo other >note; cat note' 2>/tmp/err) || fail "exit code $?: $(cat /tmp/err)"
[ "$out" = "mine
other" ] || fail "output '$out'"
grep -q "1 file changed" /tmp/err || fail "it does not say what has changed: $(cat /tmp/err)"
[ "$(cat note)" = mine ] || fail "the host's file is now '$(cat note)'"
caisson apply changes 2>/tmp/err || fail "apply: exit code $?: $(cat /tmp/err)"
[ "$(cat note)" = other ] || fail "the host's file is '$(cat note)' after the apply"

at "a second run thaws it"
out=$(echo piped | caisson run --image tiny --cpus 1 --memory 256M -- cat 2>/tmp/err) || fail "exit code $?"
[ "$out" = piped ] || fail "output '$out'"
[ ! -s /tmp/err ] || fail "it was not silent: $(cat /tmp/err)"

at "a sandbox that stays runs on KVM"
caisson run --image tiny --cpus 1 --memory 256M -d --name kept -- sleep 1000 || fail "run -d: $?"
caisson inspect --json kept >/tmp/inspect || fail "inspect: $?"
grep -q '"accelerator": *"kvm"' /tmp/inspect || fail "not on KVM: $(cat /tmp/inspect)"
out=$(caisson exec kept -- sh -c 'grep -c ^processor /proc/cpuinfo') || fail "exec: $?"
[ "$out" = 1 ] || fail "processors: '$out'"
caisson rm -f kept || fail "rm: $?"
[ -z "$(caisson ls --json | grep name)" ] || fail "left: $(caisson ls)"
at "done"
"""


def newest(pattern):
    found = sorted(glob.glob(pattern, recursive=True), key=os.path.getmtime)
    if not found:
        sys.exit(f"caisson_test.py: no {pattern}")
    return found[-1]


def main():
    binaries, cache = sys.argv[1:3]
    kernel = newest(f"{cache}/caisson/kernels/**/vmlinuz*")
    modules = newest(f"{cache}/caisson/kernels/**/lib/modules/*")
    with tempfile.TemporaryDirectory(prefix="caisson-nested-cache.") as staged:
        images.copy_cache(cache, staged)
        argv = [f"{HERE}/machine.py", "--kernel", kernel, "--modules", modules, "--script", SCRIPT, "--add", f"{staged}=/cache"]
        for name in sorted(os.listdir(binaries)):
            if not name.startswith("caisson") or name.endswith(("_test", "_fuzz", "-bench")):
                continue
            argv += ["--add", f"{binaries}/{name}=/opt/caisson/bin/{name}"]
        return subprocess.run([sys.executable, *argv]).returncode


if __name__ == "__main__":
    sys.exit(main())
