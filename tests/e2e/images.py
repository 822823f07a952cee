# SPDX-License-Identifier: Apache-2.0
"""The images that cases run on, made once in the shared cache (ctest: the fixtures setup.tiny and setup.base)."""

import io
import os
import subprocess
import tarfile

BUSYBOX = "/bin/busybox"


def make_busybox_tar(path):
    """A root file system of one static busybox: a fraction of a second to import and small enough for emulated machines. A tar,
    because an ordinary user can say in it who owns what."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:

        def add(name, owner=0, mode=0o644, data=b"", **fields):
            entry = tarfile.TarInfo(name)
            entry.uid = entry.gid = owner
            entry.mode, entry.size = mode, len(data)
            for field, value in fields.items():
                setattr(entry, field, value)
            tar.addfile(entry, io.BytesIO(data))

        for folder in (".", "bin", "dev", "etc", "home", "proc", "root", "run", "sys", "usr", "usr/bin", "usr/sbin", "var"):
            add(folder, mode=0o755, type=tarfile.DIRTYPE)
        add("tmp", mode=0o1777, type=tarfile.DIRTYPE)
        add("home/agent", owner=1000, mode=0o755, type=tarfile.DIRTYPE)
        with open(BUSYBOX, "rb") as file:
            add("bin/busybox", mode=0o755, data=file.read())
        for applet in subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split():
            if applet != "busybox":
                add(f"bin/{applet}", mode=0o777, type=tarfile.SYMTYPE, linkname="busybox")
        add("etc/passwd", data=b"root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1000:agent:/home/agent:/bin/sh\n")
        add("etc/group", data=b"root:x:0:\nagent:x:1000:\n")
        add("etc/not-executable", data=b"this is no program\n")


def prepare_tiny(host):
    archive = os.path.join(host.home, "tiny.tar")
    make_busybox_tar(archive)
    host.caisson("image", "import", "tiny", archive, timeout=600).expect()
    # The kernel and the template of the default size, so that no case waits for them.
    host.caisson("run", "--image", "tiny", "--", "true", timeout=900).expect(out="")


def prepare_base(host):
    host.caisson("run", "--", "true", timeout=3000).expect(out="")


def copy_cache(source, target, image="tiny"):
    """What a run of the image needs of a cache, but templates: those are what the callers want to be made anew.
    Other tests work in that cache at the same time, so only finished things are taken."""
    with open(f"{source}/caisson/images/names/{image}.json", encoding="utf-8") as file:
        record = file.read()
    names = [f"images/names/{image}.json"]
    names += [f"images/{name}" for name in os.listdir(f"{source}/caisson/images") if name.endswith(".erofs") and name[:-6] in record]
    _copy(source, target, names + _kernels(source))


def copy_kernel(source, target):
    """The kernel and what belongs to it, but no image."""
    _copy(source, target, _kernels(source))


def _kernels(source):
    return [f"{folder}/{name}" for folder in ("kernels", "initramfs") for name in os.listdir(f"{source}/caisson/{folder}")]


def _copy(source, target, names):
    for name in names:
        place = os.path.join(target, "caisson", os.path.dirname(name))
        os.makedirs(place, mode=0o700, exist_ok=True)
        subprocess.run(["cp", "-a", "--reflink=auto", f"{source}/caisson/{name}", place], check=True)


PREPARE = {"tiny": prepare_tiny, "base": prepare_base}
