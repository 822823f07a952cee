# SPDX-License-Identifier: Apache-2.0
"""caisson-share mounted on this machine, without a sandbox between: /dev/fuse itself is the program's stream. Needs root.

    with mounted(host, folder, mode="rw") as there:
        os.listdir(there.path)

The mount is in a mount namespace of the case's process, which ends with it.
"""

import contextlib
import ctypes
import json
import os
import resource
import subprocess

from harness import Skipped, fail

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x00020000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x4000, 0x40000
MNT_DETACH = 2


def checked(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def own_mount_namespace():
    if os.geteuid() != 0:
        raise Skipped("mounting needs root")
    if not os.path.exists("/dev/fuse"):
        raise Skipped("there is no /dev/fuse")
    checked(LIBC.unshare(CLONE_NEWNS), "cannot make a mount namespace")
    checked(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "cannot make the mounts private")


class Mounted:
    def __init__(self, path, process, log):
        self.path, self.process, self.log = path, process, log

    def said(self):
        with open(self.log, encoding="utf-8", errors="backslashreplace") as file:
            return file.read()

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))


def program(host):
    return os.path.join(os.path.dirname(host.binary), "caisson-share")


@contextlib.contextmanager
def mounted(host, folder, mode="ro", masks=(), unmask=(), baseline=None, started_ns=0, limit=None):
    """Mounts below host.home; the first mount of a case takes it into a mount namespace."""
    if not getattr(host, "has_mount_namespace", False):
        own_mount_namespace()
        host.has_mount_namespace = True
    number = len([name for name in os.listdir(host.home) if name.startswith("mount")])
    path = os.path.join(host.home, f"mount{number}")
    is_file = os.path.isfile(folder)
    if is_file:
        open(path, "w", encoding="ascii").close()
    else:
        os.mkdir(path)
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    root = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    log_path = os.path.join(host.home, f"share{number}.log")
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    baseline_fd = os.open(baseline, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600) if baseline else None
    options = f"fd={device},rootmode={'100000' if is_file else '40000'},user_id=0,group_id=0,allow_other,default_permissions".encode()
    checked(LIBC.mount(b"caisson-test", os.fsencode(path), b"fuse.caisson", MS_NOSUID | MS_NODEV, options), "cannot mount")
    words = json.dumps({"mode": mode, "masks": list(masks), "unmask": list(unmask), "own": [], "started_ns": started_ns})
    places = {3: device, 4: root, 2: log, **({5: baseline_fd} if baseline else {})}

    def place():
        # Out of each other's way first; what is placed is inherited.
        copies = {number: os.dup(given) for number, given in places.items()}
        high = {number: LIBC.fcntl(copy, 0, 100) for number, copy in copies.items()}
        for wanted, given in high.items():
            os.dup2(given, wanted)
            os.close(given)
        for copy in copies.values():
            os.close(copy)
        if limit:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    process = subprocess.Popen([program(host), words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, close_fds=False,
                               preexec_fn=place)
    host.started.append(process)
    for given in (device, root, log, baseline_fd):
        if given is not None:
            os.close(given)
    there = Mounted(path, process, log_path)
    try:
        os.stat(path)
        yield there
    except OSError:
        if process.poll() is not None:
            fail(f"caisson-share ended with {process.returncode}: {there.said()}")
        raise
    finally:
        LIBC.umount2(os.fsencode(path), MNT_DETACH)
        process.terminate()
        process.wait()


# What the cases do with files

NOREPLACE, EXCHANGE = 1, 2
PUNCH_HOLE, KEEP_SIZE = 2, 1


def renameat2(old, new, flags):
    if LIBC.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def fallocate(fd, mode, offset, length):
    if LIBC.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length)) != 0:
        raise OSError(ctypes.get_errno(), "fallocate")


def folder_of(host, name="shared"):
    path = os.path.join(host.home, name)
    os.mkdir(path)
    return path


def put(path, content=b""):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def get(path):
    with open(path, "rb") as file:
        return file.read()


def errno_of(function, *arguments):
    try:
        function(*arguments)
        return 0
    except OSError as error:
        return error.errno
