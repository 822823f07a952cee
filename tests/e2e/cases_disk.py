# SPDX-License-Identifier: Apache-2.0
"""Disks that are full, the host's and the guest's, and what is on the guest's at its end."""

import os
import subprocess

from cases_survival import TINY, detached
from harness import Skipped, case, equal, true, wait_until


@case(labels=("root",))
def a_full_host_disk_is_explained(host):
    """The state folder is on a file system with no space: a clear error, no half-made sandbox."""
    if os.geteuid() != 0:
        raise Skipped("mounting needs root")
    os.mkdir(host.data)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", host.data], check=True)
    try:
        with open(f"{host.data}/filler", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        for options in ((), ("-d",)):
            host.caisson(*TINY, *options, "--", "true").error(125, "no space left for the sandbox's files in '", "are needed", "are free",
                                                              "free some disk space", "XDG_DATA_HOME")
        # Before `ls`, which would sweep what was left.
        equal(os.listdir(f"{host.data}/caisson/sandboxes"), [".lock"], "the sandboxes' folder")
        os.remove(f"{host.data}/filler")
        equal(host.sandboxes(), [], "sandboxes")
    finally:
        subprocess.run(["umount", host.data], check=True)


def fill(folder, leave):
    """A file that leaves this many bytes of the folder's file system."""
    status = os.statvfs(folder)
    with open(f"{folder}/filler", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, status.f_bavail * status.f_frsize - leave)


@case(labels=("root",), timeout=600)
def a_host_disk_that_fills_up_pauses_the_machine(host):
    """Who waits is told, new commands are refused with the reason, and all goes on when there is room; a stop meanwhile says what it costs."""
    if os.geteuid() != 0:
        raise Skipped("mounting needs root")
    os.mkdir(host.data)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600m", "none", host.data], check=True)
    try:
        name = detached(host, "room")
        write = ("exec", "-u", "root", name, "--", "dd", "if=/dev/urandom", "of=/root/big", "bs=1M", "count=96", "conv=fsync")
        fill(host.data, 24 << 20)
        process = host.start(*write)
        wait_until(lambda: host.inspect(name)["paused"], "the pause", seconds=120)
        host.caisson("exec", name, "--", "true").error(125, f"the sandbox '{name}' stands still: the host's disk with", "is full",
                                                       "free some space there")
        os.remove(f"{host.data}/filler")
        _, err = process.communicate(timeout=120)
        equal(process.returncode, 0, f"the exit code of what waited ({err!r})")
        for words in (b"caisson: the sandbox stands still: the host's disk with", b"caisson: there is room on the host's disk again"):
            true(words in err, f"{words!r} in {err!r}")
        equal(host.inspect(name)["paused"], "", "paused")
        host.caisson("exec", "-u", "root", name, "--", "sh", "-c", "wc -c < /root/big").expect(out=f"{96 << 20}\n")
        fill(host.data, 8 << 20)
        process = host.start(*(one.replace("/root/big", "/root/more") for one in write))
        wait_until(lambda: host.inspect(name)["paused"], "the second pause", seconds=120)
        host.caisson("stop", name).expect(err_has="it did not power off in time and was switched off")
        process.communicate(timeout=60)
        equal(host.inspect(name)["reason"], "the sandbox was stopped: by request", "reason")
        os.remove(f"{host.data}/filler")
        host.caisson("start", name).expect()
        host.caisson("exec", name, "--", "echo", "alive").expect(out="alive\n")
        host.caisson("rm", "-f", name).expect()
    finally:
        # Its keeper comes to its end behind the name, which is free by now.
        wait_until(lambda: subprocess.run(["umount", host.data], capture_output=True).returncode == 0, "nobody in the state folder")


@case(image="base", timeout=600)
def what_commands_wrote_outlives_a_slow_stop(host):
    """Neither a container nor a command that ignores SIGTERM costs what was written before, and nobody has synced it."""
    name = host.name("slow")
    host.caisson("run", "-d", "--name", name, "--", "sh", "-c", "trap '' TERM; while :; do sleep 1; done").expect(out=f"{name}\n")
    as_root = ("exec", "-u", "root", name, "--", "bash", "-c")
    container = """tar -chf - -C / bin/sh $(ldd /bin/sh | grep -o '/[^ ]*') 2>/dev/null | docker import - stubborn:1 >/dev/null
docker run -d stubborn:1 /bin/sh -c 'trap "" TERM; while :; do read x < /dev/zero; done' >/dev/null"""
    host.caisson(*as_root, container).expect()
    host.caisson(*as_root, "echo precious >/root/precious; dd if=/dev/zero of=/root/mb bs=1M count=8 2>/dev/null").expect()
    host.caisson("stop", name).expect()
    host.caisson("start", name).expect()
    host.caisson(*as_root, "cat /root/precious; wc -c < /root/mb").expect(out=f"precious\n{8 << 20}\n")
    host.caisson("rm", "-f", name).expect()


@case(timeout=600)
def a_full_disk_in_the_guest_is_survived(host):
    """Nothing more can be written, and yet commands run, it stops and starts, and takes writes again when there is room."""
    name = detached(host, "full", "--disk", "200M")
    as_root = ("exec", "-u", "root", name, "--")
    host.caisson(*as_root, "dd", "if=/dev/zero", "of=/root/big", "bs=1M").expect(code=1, err_has="No space left on device")
    # What a block of 1 MiB left.
    host.caisson(*as_root, "dd", "if=/dev/zero", "of=/root/rest", "bs=512").expect(code=1, err_has="No space left on device")
    free = ("sh", "-c", "df -k / | awk 'END { print $4 }'")
    host.caisson(*as_root, *free).expect(out="0\n")
    host.caisson("exec", name, "--", "echo", "alive").expect(out="alive\n")
    host.caisson("stop", name).expect()
    equal(host.inspect(name)["reason"], "the sandbox was stopped: by request", "reason")
    host.caisson("start", name).expect()
    host.caisson(*as_root, *free).expect(out="0\n")
    host.caisson("exec", name, "--", "echo", "alive").expect(out="alive\n")
    host.caisson(*as_root, "sh", "-c", "rm /root/big /root/rest; echo again >/root/file; sync; cat /root/file").expect(out="again\n")
    host.caisson("rm", "-f", name).expect()
