# SPDX-License-Identifier: Apache-2.0
"""Ends in good order, and beginnings that are given up."""

import glob
import os
import signal
import subprocess

from cases_survival import TINY, detached, groups_left, own_templates, template_groups
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


@case(own_cache=True, timeout=900)
def an_interrupted_template_build_leaves_nothing(host):
    """Neither its draft nor its machine, nor that one's cgroup; no other command has to come by for that."""
    folder, options = own_templates(host)
    templates = os.path.dirname(folder)
    for number in (signal.SIGINT, signal.SIGTERM):
        process = host.start(*TINY, "--cpus", "1", "--memory", "320M", "--", "true")
        # The boot's first words come after the machine is in its group.
        wait_until(lambda: [path for path in glob.glob(f"{templates}/.making-*/console.log") if os.path.getsize(path)],
                   "the console of a template in the making", seconds=120)
        groups = template_groups(host)
        true(groups or os.geteuid() != 0, "root's template machine is in no group")
        process.send_signal(number)
        equal(process.wait(30), -number, "how it ended")
        true(process.stderr.read().decode().endswith("caisson: interrupted; what was begun is removed\n"), "stderr")
        wait_until(lambda: not glob.glob(f"{templates}/.making-*"), "the end of the draft", seconds=60)
        equal(groups_left(groups), [], "cgroups")
    host.caisson(*options, "--", "true").expect(err="")


@case()
def an_interrupted_copy_leaves_no_partial_file(host):
    """Ctrl-C goes to the whole foreground group, a kill to `caisson` alone: what unpacks removes the half of the file either way."""
    name = host.name("cut")
    host.caisson("run", "--image", "tiny", "-d", "--name", name, "--", "sleep", "100000").expect(out=f"{name}\n")
    # Larger than what is copied until the signal; holes are sent as zeros.
    host.caisson("exec", "-u", "root", name, "--", "truncate", "-s", "3G", "/root/much").expect()
    target = os.path.join(host.home, "target")
    os.mkdir(target)

    def interrupted(send):
        process = host.start("cp", f"{name}:/root/much", target, new_session=True)
        wait_until(lambda: glob.glob(f"{target}/.caisson-cp-*"), "the file in the making")
        send(process)
        wait_until(lambda: os.listdir(target) == [], "the end of the file in the making")
        return process.wait(30)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        equal(interrupted(lambda process, number=number: os.killpg(process.pid, number)), -number, "how it ended")
    equal(interrupted(lambda process: process.kill()), -signal.SIGKILL, "how it ended")
    host.caisson("rm", "-f", name).expect()


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
        true("reboot: Power down" in console, f"the kernel did not say that it powers off: {console[-500:]!r}")
        host.caisson("rm", name).expect()


@case()
def a_stop_gives_commands_the_time_that_it_says(host):
    """What cleans up for 5 s after SIGTERM finishes, and whoever does not need the time does not take it."""
    name = host.name("patient")
    clean = "trap 'sleep 5; echo done >/root/file; exit 0' TERM; echo up; while :; do sleep 1; done"
    host.caisson("run", "--image", "tiny", "-d", "-u", "root", "--name", name, "--", "sh", "-c", clean).expect(out=f"{name}\n")
    wait_until(lambda: host.caisson("logs", name).out == "up\n", "its trap")
    host.caisson("stop", "-t", "30", name).expect(err="")
    host.caisson("start", name).expect()
    host.caisson("exec", "-u", "root", name, "--", "cat", "/root/file").expect(out="done\n")
    host.caisson("exec", "-u", "root", name, "--", "rm", "/root/file").expect()
    # A shell that is typed at, which ignores SIGTERM, does not need an hour.
    shell = host.terminal("exec", "-it", name, "--", "sh")
    shell.read_until(r"[#$] ")
    host.caisson("stop", "-t", "1h", name, timeout=120).expect(err="")
    shell.wait()
    host.caisson("rm", name).expect()


@case()
def an_attached_client_outlives_its_keeper_with_a_clear_error(host):
    name = host.name("lost")
    process = host.start(*TINY, "--name", name, "--", "sh", "-c", "echo up; exec sleep 100000")
    equal(process.stdout.readline(), b"up\n", "first line")
    os.kill(host.inspect(name)["keeper_pid"], signal.SIGKILL)
    equal(process.wait(30), 125, "exit code")
    one_error(process, "the connection to the sandbox was lost", "`caisson ls`")
    host.caisson("rm", "-f", name).expect()


@case()
def a_command_beside_outlives_its_machine_with_a_clear_error(host):
    name = detached(host, "beside")
    process = host.start("exec", name, "--", "sh", "-c", "echo up; exec sleep 100000")
    equal(process.stdout.readline(), b"up\n", "first line")
    os.kill(host.inspect(name)["engine_pid"], signal.SIGKILL)
    equal(process.wait(30), 125, "exit code")
    one_error(process, f"'{name}'", "Killed")
    host.caisson("rm", "-f", name).expect()


def one_error(process, *texts):
    lines = process.stderr.read().decode().splitlines()
    true(len(lines) == 1 and lines[0].startswith("caisson: ") and all(text in lines[0] for text in texts), f"stderr: {lines}")


@case()
def an_early_end_leaves_the_name_free(host):
    """As soon as there is a record, before there can be a command: Ctrl-C removes it at once; what SIGKILL has left, the next
    command collects."""
    for round_, number in enumerate((signal.SIGINT, signal.SIGTERM, signal.SIGKILL) * 3):
        name = host.name(f"early{round_}")
        process = host.start("run", "--image", "tiny", "--name", name, "--", "sleep", "100000")
        while not os.path.exists(host.folder(name)) and process.poll() is None:
            pass
        process.send_signal(number)
        true(process.wait(60) != 0, f"exit code: {process.returncode}")

        def gone():
            if number == signal.SIGKILL:
                host.caisson("ls").expect()
            return not os.path.exists(host.folder(name))

        wait_until(gone, f"the end of the record after signal {number}")
