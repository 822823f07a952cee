# SPDX-License-Identifier: Apache-2.0
"""The images that cases run on, made once in the shared cache (ctest: the fixtures setup.tiny and setup.base)."""

import os
import subprocess
import tempfile

BUSYBOX = "/bin/busybox"


def make_busybox_root(folder):
    """A root file system of one static busybox: a fraction of a second to import and small enough for emulated machines."""
    for below in ("bin", "dev", "etc", "home/agent", "proc", "root", "run", "sys", "tmp", "usr/bin", "usr/sbin", "var"):
        os.makedirs(os.path.join(folder, below), exist_ok=True)
    os.chmod(os.path.join(folder, "tmp"), 0o1777)
    os.chown(os.path.join(folder, "home/agent"), 1000, 1000)
    target = os.path.join(folder, "bin/busybox")
    subprocess.run(["cp", BUSYBOX, target], check=True)
    for applet in subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split():
        if applet != "busybox":
            os.symlink("busybox", os.path.join(folder, "bin", applet))
    files = {
        "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1000:agent:/home/agent:/bin/sh\n",
        "etc/group": "root:x:0:\nagent:x:1000:\n",
        "etc/not-executable": "this is no program\n",
    }
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


def prepare_tiny(host):
    with tempfile.TemporaryDirectory(prefix="caisson-tiny.") as folder:
        make_busybox_root(folder)
        host.caisson("image", "import", "tiny", folder, timeout=600).expect()
    # The kernel and the template of the default size, so that no case waits for them.
    host.caisson("run", "--image", "tiny", "--", "true", timeout=900).expect(out="")


def prepare_base(host):
    host.caisson("run", "--", "true", timeout=3000).expect(out="")


def copy_cache(source, target):
    """What a run of the image "tiny" needs of a cache, but templates: those are what the callers want to be made anew.
    Other tests work in that cache at the same time, so only finished things are taken."""
    source, target = os.path.join(source, "caisson"), os.path.join(target, "caisson")
    with open(f"{source}/images/names/tiny.json", encoding="utf-8") as file:
        record = file.read()
    names = ["images/names/tiny.json"]
    names += [f"images/{name}" for name in os.listdir(f"{source}/images") if name.endswith(".erofs") and name[:-6] in record]
    names += [f"{folder}/{name}" for folder in ("kernels", "initramfs") for name in os.listdir(f"{source}/{folder}")]
    for name in names:
        place = os.path.join(target, os.path.dirname(name))
        os.makedirs(place, mode=0o700, exist_ok=True)
        subprocess.run(["cp", "-a", "--reflink=auto", f"{source}/{name}", place], check=True)


PREPARE = {"tiny": prepare_tiny, "base": prepare_base}
