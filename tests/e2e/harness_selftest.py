#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that the harness notices what it is for: a case that leaves something behind, or whose expectation is wrong, fails."""

import contextlib
import io
import os
import subprocess
import sys

sys.dont_write_bytecode = True
import harness  # noqa: E402
import leftovers  # noqa: E402

leftovers.SETTLE_SECONDS = 0.3


def clean(host):
    host.caisson("-c", "printf out; printf err >&2; exit 3").expect(code=3, out="out", err="err")
    host.caisson("-c", "cat", stdin=b"\0x").expect(out="\0x")
    terminal = host.terminal("-c", "tty; stty size; read line; exit 5")
    terminal.read_until("/dev/pts/[0-9]+")
    terminal.send("go\n")
    harness.equal(terminal.wait(), 5, "exit code")


def wrong_exit_code(host):
    host.caisson("-c", "exit 3").expect(code=4)


def wrong_output(host):
    host.caisson("-c", "echo x").expect(out="x")


def wrong_error(host):
    host.caisson("-c", "echo 'caisson: bad' >&2; exit 125").error(125, "worse")


def a_process_stays(host):
    host.caisson("-c", "setsid sleep 100 >/dev/null 2>&1 </dev/null &").expect()


def a_process_with_an_empty_environment_stays(host):
    host.caisson("-c", f"exec 3>{host.home}/held; env -i setsid sleep 100 >/dev/null 2>&1 </dev/null &").expect()


def a_mount_stays(host):
    os.mkdir(f"{host.home}/m")
    if subprocess.run(["mount", "-t", "tmpfs", "none", f"{host.home}/m"], capture_output=True).returncode != 0:
        harness.fail("no right to mount, which counts as noticed here")


def a_sandbox_stays(host):
    os.makedirs(host.folder("web"))


def a_socket_stays(host):
    os.makedirs(f"{host.runtime}/caisson/web")


def it_hangs(host):
    host.caisson("-c", "sleep 100", timeout=0.2)


def it_skips(host):
    raise harness.Skipped("nothing to do it with")


def run(function, may_skip=""):
    the_case = harness.Case(function.__name__, function, None, True, 10, 1, (), may_skip=may_skip)
    with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(io.StringIO()):
        made = []
        original = harness.Host

        def remember(*arguments):
            made.append(original(*arguments))
            return made[-1]

        harness.Host = remember
        code = harness.run_case(the_case, "/bin/sh", "/nonexistent")
        harness.Host = original
    return code, said.getvalue(), made[0].home


failed = 0
for function, expected in ((clean, 0), (wrong_exit_code, 1), (wrong_output, 1), (wrong_error, 1), (a_process_stays, 1),
                           (a_process_with_an_empty_environment_stays, 1), (a_mount_stays, 1), (a_sandbox_stays, 1),
                           (a_socket_stays, 1), (it_hangs, 1)):
    code, said, home = run(function)
    if code != expected:
        print(f"{function.__name__}: {code} instead of {expected}\n{said}")
        failed = 1
    if os.path.exists(home) or leftovers.processes(home):
        print(f"{function.__name__}: the harness itself left something behind")
        failed = 1
for ci, may_skip, expected in (("", "", 77), ("true", "", 1), ("true", "it needs a printer", 77)):
    os.environ["CI"] = ci
    code, said, _ = run(it_skips, may_skip)
    if code != expected:
        print(f"a skip with CI={ci!r} and may_skip={may_skip!r}: {code} instead of {expected}\n{said}")
        failed = 1
sys.exit(failed)
