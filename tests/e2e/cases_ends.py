# SPDX-License-Identifier: Apache-2.0
"""Ends in good order, and beginnings that are given up."""

import glob
import os
import signal
import subprocess

from harness import case, equal, true, wait_until


@case(image=None, own_cache=True)
def an_interrupted_image_build_leaves_nothing(host):
    """Ctrl-C removes what was begun; what a killed build has left, the next prune does."""
    programs = os.path.join(host.home, "programs")
    os.mkdir(programs)
    with open(f"{programs}/mmdebstrap", "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\necho 'I: running apt-get update...' >&2\nexec sleep 100000\n")
    os.chmod(f"{programs}/mmdebstrap", 0o755)

    def begun():
        return glob.glob(f"{host.cache}/caisson/tmp/base-*/tree")

    def build():
        process = host.start("image", "build", env={"PATH": f"{programs}:{os.environ['PATH']}"})
        wait_until(begun, "the work folder")
        return process

    for number in (signal.SIGINT, signal.SIGTERM):
        process = build()
        process.send_signal(number)
        equal(process.wait(30), -number, "how it ended")
        said = process.stderr.read().decode()
        equal(said, "caisson: making the base image\ncaisson: interrupted; what was begun is removed\n", "stderr")
        wait_until(lambda: not glob.glob(f"{host.cache}/caisson/tmp/base-*"), "the end of the work folder")
    process = build()
    process.kill()
    process.wait()

    def pruned():
        host.caisson("image", "prune").expect()
        return not glob.glob(f"{host.cache}/caisson/tmp/base-*")

    wait_until(pruned, "a prune that removes it, when its helpers have ended")


@case()
def a_low_limit_of_open_files_is_raised_or_explained(host):
    def run(limits):
        return subprocess.run(["prlimit", f"--nofile={limits}", host.binary, "run", "--image", "tiny", "--", "echo", "up"], capture_output=True, text=True,
                              env=host.environment, cwd=host.work, timeout=240, stdin=subprocess.DEVNULL)

    raised = run("150:1024")
    equal((raised.returncode, raised.stdout), (0, "up\n"), f"with a low soft limit ({raised.stderr!r})")
    refused = run("150:150")
    equal(refused.returncode, 125, "with a low hard limit")
    true("the limit of open files is 150, and a sandbox needs 256" in refused.stderr and "ulimit -n" in refused.stderr,
         f"stderr: {refused.stderr!r}")
    equal(host.sandboxes(), [], "ls")


@case(image="base")
def a_machine_with_a_docker_engine_powers_off_in_order(host):
    """Init sees each end that it waits for: it says so on the console when one did not come in time. Several times, because
    which of two events of one end comes first is a matter of luck."""
    name = host.name("poweroff")
    for _ in range(8):
        host.caisson("run", "-d", "--name", name, "--", "sleep", "infinity").expect()
        host.caisson("exec", name, "--", "true").expect()
        host.caisson("stop", name).expect()
        with open(f"{host.folder(name)}/console.log", encoding="utf-8", errors="replace") as file:
            console = file.read()
        true("the Docker Engine did not end" not in console, f"the console says: {console[-500:]!r}")
        host.caisson("rm", name).expect()
