#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A machine with hardware virtualisation, in software: runs a command where /dev/kvm is real.

Few build machines have KVM, and every line of the KVM path has to be tested. QEMU's TCG emulates AMD-V (`-cpu EPYC,+svm,+npt`),
so an emulated machine ("L1") can load kvm-amd and run virtual machines of its own ("L2") with it, slowly but truly.

L1's root is an EROFS image (made here from programs of this host, their shared libraries and what the caller adds) below an
overlay in memory; its kernel and modules are Debian's cloud kernel, the same files that Caisson's guests use. The command's
output comes over the serial console, its exit code with it.

usage: machine.py --kernel VMLINUZ --modules FOLDER --script TEXT [--add HOST=GUEST…] [--program NAME…]
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading

# In the order in which they can be loaded.
BOOT_MODULES = ["virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk",
                "libcrc32c", "erofs", "overlay"]
KVM_MODULES = ["irqbypass", "ccp", "kvm", "kvm-amd"]
PROGRAMS = ["qemu-system-x86_64", "qemu-system-x86_64-microvm", "qemu-img", "mkfs.ext4"]
# Firmware that QEMU looks for by name.
DATA = ["/usr/share/qemu", "/usr/share/seabios"]

MARK = "caisson-nested-exit="

# Runs in L1's initramfs; %s: the modules.
BOOT_SCRIPT = """#!/bin/busybox sh
b=/bin/busybox
$b mkdir -p /proc /dev /lower /upper /root
$b mount -t proc proc /proc
$b mount -t devtmpfs dev /dev
for module in %s; do [ ! -e /modules/$module.ko ] || $b insmod /modules/$module.ko; done
$b mount -t erofs -o ro /dev/vda /lower
$b mount -t tmpfs -o size=90%% tmpfs /upper
$b mkdir /upper/upper /upper/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/upper/upper,workdir=/upper/work overlay /root
$b mount --move /dev /root/dev
exec $b switch_root /root /sbin/run-command
"""

# Is L1's process 1 after that.
RUN_SCRIPT = """#!/bin/busybox sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root XDG_RUNTIME_DIR=/run XDG_CACHE_HOME=/cache
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t tmpfs tmpfs /tmp
mkdir -p /dev/shm /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t devpts devpts /dev/pts
ip link set lo up
for module in %s; do [ ! -e /modules/$module.ko ] || insmod /modules/$module.ko; done
cd /root
/bin/sh /sbin/command </dev/null >/dev/console 2>&1
echo "%s$?" >/dev/console
sync
echo o >/proc/sysrq-trigger
exec sleep 1000
"""


def needed_files(program):
    """A program and its shared libraries."""
    path = os.path.realpath(program)
    listed = subprocess.run(["ldd", path], capture_output=True, text=True)
    libraries = re.findall(r"(/\S+) \(0x", listed.stdout)
    return [program, *libraries]


def copy_in(root, source, target=None):
    """Copies a file or folder of the host, following links, so that the path exists in L1."""
    target = os.path.join(root, (target or source).lstrip("/"))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.isdir(source):
        subprocess.run(["cp", "-rLT", "--sparse=always", source, target], check=True)
    elif not os.path.exists(target):
        shutil.copy(source, target)


def find_module(modules, name):
    for folder, _, files in os.walk(modules):
        for file in files:
            if file == name + ".ko":
                return os.path.join(folder, file)
    return None


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def copy_modules(modules, names, folder):
    os.makedirs(folder, exist_ok=True)
    for name in names:
        path = find_module(modules, name)
        if path:
            shutil.copy(path, f"{folder}/{name}.ko")


def make_root(options, folder):
    """L1's root file system."""
    # Of a merged-/usr Debian: /bin, /sbin and /lib* are links, so that libraries are found at both of their names.
    for name in ("bin", "sbin", "lib", "lib64"):
        os.makedirs(f"{folder}/usr/{name}", exist_ok=True)
        os.symlink(f"usr/{name}", f"{folder}/{name}")
    for name in ("dev", "proc", "sys", "tmp", "run", "root", "etc", "cache", "var"):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
    copy_in(folder, "/bin/busybox", "/usr/bin/busybox")
    for applet in subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split():
        if applet != "busybox" and not shutil.which(applet, path=os.pathsep.join(options.path)):
            os.symlink("busybox", f"{folder}/usr/bin/{applet}")
    for name in PROGRAMS + options.program:
        path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
        if path is None:
            raise SystemExit(f"machine.py: the program {name} is not installed")
        for file in needed_files(path):
            copy_in(folder, file)
    for path in DATA:
        copy_in(folder, path)
    write(f"{folder}/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
    write(f"{folder}/etc/group", "root:x:0:\nnogroup:x:65534:\n")
    write(f"{folder}/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
    for pair in options.add:
        source, _, target = pair.partition("=")
        if os.path.isfile(source) and os.access(source, os.X_OK):
            for library in needed_files(source)[1:]:
                copy_in(folder, library)
        copy_in(folder, source, target or source)
    copy_modules(options.modules, KVM_MODULES, f"{folder}/modules")
    write(f"{folder}/sbin/run-command", RUN_SCRIPT % (" ".join(KVM_MODULES), MARK), 0o755)
    write(f"{folder}/sbin/command", options.script, 0o755)


def make_boot(options, folder):
    """L1's initramfs: enough to mount the root."""
    os.makedirs(f"{folder}/bin")
    shutil.copy("/bin/busybox", f"{folder}/bin/busybox")
    copy_modules(options.modules, BOOT_MODULES, f"{folder}/modules")
    write(f"{folder}/init", BOOT_SCRIPT % " ".join(BOOT_MODULES), 0o755)


def build(options, work):
    root, boot = f"{work}/root", f"{work}/boot"
    os.makedirs(root)
    os.makedirs(boot)
    make_root(options, root)
    make_boot(options, boot)
    subprocess.run(["mkfs.erofs", "-x-1", f"{work}/root.erofs", root], check=True, capture_output=True)
    subprocess.run("find . | cpio --quiet -o -H newc > ../boot.cpio", shell=True, cwd=boot, check=True)
    shutil.rmtree(root)


def run(options, work):
    """Boots L1 and returns the command's exit code, after passing its output on."""
    argv = ["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "EPYC,+svm,+npt", "-smp", str(options.cpus),
            "-m", str(options.memory), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
            "-kernel", options.kernel, "-initrd", f"{work}/boot.cpio",
            "-drive", f"if=none,id=root,format=raw,readonly=on,file={work}/root.erofs", "-device", "virtio-blk-pci,drive=root",
            "-append", "console=ttyS0 quiet loglevel=4 panic=-1 no_timer_check"]
    # QEMU names every feature of an EPYC that TCG lacks; that is of interest only when nothing else comes.
    complaints = open(f"{work}/qemu.err", "w+", encoding="utf-8", errors="backslashreplace")
    qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints)
    code = None
    limit = threading.Timer(options.timeout, qemu.kill)
    limit.start()
    try:
        for raw in qemu.stdout:
            line = raw.decode(errors="backslashreplace").rstrip("\r\n")
            found = re.search(re.escape(MARK) + r"(\d+)", line)
            if found:
                code = int(found.group(1))
                break
            print(line, flush=True)
    finally:
        limit.cancel()
        qemu.kill()
        qemu.wait()
    if code is None:
        complaints.seek(0)
        raise SystemExit(f"machine.py: the emulated machine ended, or its time did, before the command did\n{complaints.read()}")
    return code


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kernel", required=True, help="a bzImage")
    parser.add_argument("--modules", required=True, help="its modules' folder")
    parser.add_argument("--add", action="append", default=[], help="a host file or folder, as HOST=GUEST")
    parser.add_argument("--program", action="append", default=[], help="a host program to have in L1 besides QEMU")
    parser.add_argument("--memory", type=int, default=4096, help="MiB")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--timeout", type=int, default=1200, help="seconds")
    parser.add_argument("--script", required=True, help="what L1 runs, as a shell script's text")
    options = parser.parse_args()
    options.path = ["/usr/sbin", "/sbin"]
    with tempfile.TemporaryDirectory(prefix="caisson-nested.") as work:
        build(options, work)
        return run(options, work)


if __name__ == "__main__":
    sys.exit(main())
