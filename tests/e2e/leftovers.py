# SPDX-License-Identifier: Apache-2.0
"""Finds, and after a failure removes, what a case's Host left on this machine. Everything is found by the path of its HOME,
which is unique, so that cases that run at the same time never see each other's."""

import contextlib
import glob
import hashlib
import os
import signal
import subprocess
import sys
import time

# After a command has ended its keeper may still be taking the last things away; that is given this long.
SETTLE_SECONDS = 10
KILL_SECONDS = 20


def processes(home):
    """Processes that were started with this HOME, or name it in their command line or current folder, or hold a file there."""
    found = {}
    wanted = home.encode()
    for folder in glob.glob("/proc/[0-9]*"):
        pid = int(folder[6:])
        if pid == os.getpid():
            continue
        with contextlib.suppress(OSError):
            for what in ("environ", "cmdline"):
                with open(f"{folder}/{what}", "rb") as file:
                    if wanted in file.read():
                        found[pid] = what
            for link in [f"{folder}/cwd", *glob.glob(f"{folder}/fd/*")]:
                with contextlib.suppress(OSError):
                    if os.readlink(link).startswith(home):
                        found[pid] = link
    return found


def _describe(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace")[:200]
    return "gone"


def _mounts(home):
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        return [line.split()[4] for line in file if home in line]


def _state_folders(home, data):
    """Caisson's own, of the case's user and of others below this HOME (Host.as_user, another XDG_DATA_HOME)."""
    return {os.path.join(data, "caisson"), *glob.glob(f"{home}/*/caisson"), *glob.glob(f"{home}/*/.local/share/caisson")}


def cgroups(home, data):
    """Those of the case's machines, sandboxes and templates: their names have the beginning of their state folder's digest."""
    tags = [f"-{hashlib.sha256(folder.encode()).hexdigest()[:8]}-" for folder in _state_folders(home, data)]
    return [os.path.join(place, name) for place, below, _ in os.walk("/sys/fs/cgroup") for name in below
            if name.startswith("caisson-") and any(tag in name for tag in tags)]


def _entries(folder):
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return sorted(os.listdir(folder))
    return []


def look(home, runtime, data):
    problems = [f"process {pid} ({how}): {_describe(pid)}" for pid, how in sorted(processes(home).items())]
    problems += [f"mount {place}" for place in _mounts(home)]
    # .lock is the folder's own: names are claimed under it, and it stays.
    sandboxes = [name for name in _entries(os.path.join(data, "caisson", "sandboxes")) if name != ".lock"]
    problems += [f"sandbox folder {name}" for name in sandboxes]
    problems += [f"in the runtime folder: {name}" for name in _entries(os.path.join(runtime, "caisson"))]
    problems += [f"beside the runtime folder: {name}" for name in _entries(runtime) if name != "caisson"]
    problems += [f"cgroup {place}" for place in cgroups(home, data)]
    return problems


def settle(home, runtime, data):
    end = time.monotonic() + SETTLE_SECONDS
    while True:
        problems = look(home, runtime, data)
        if not problems or time.monotonic() > end:
            return problems
        time.sleep(0.05)


def kill_processes(home):
    """Until none is left: one that was killed is there for a while, and may have had a child meanwhile."""
    end = time.monotonic() + KILL_SECONDS
    while (left := processes(home)) and time.monotonic() < end:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def unmount(home):
    for place in _mounts(home):
        subprocess.run(["umount", "-l", place], capture_output=True)


def print_logs(data):
    """The ends of the logs that tell why a case failed."""
    for name in ("keeper.log", "console.log", "state.json"):
        for path in glob.glob(os.path.join(data, "caisson", "sandboxes", "*", "**", name), recursive=True):
            with contextlib.suppress(OSError), open(path, "rb") as file:
                text = file.read()[-3000:].decode(errors="backslashreplace")
                print(f"--- {path}\n{text}", file=sys.stderr)
