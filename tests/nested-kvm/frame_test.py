#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The emulated machine itself: QEMU with accel=kvm boots the same kernel inside it, and exit codes come out unchanged. When
caisson_test.py fails, this tells whether Caisson or the machine under it is at fault.

usage: frame_test.py CACHE_FOLDER
"""

import os
import subprocess
import sys

from caisson_test import HERE, newest

SCRIPT = r"""
mkdir -p /tmp/l2/bin
cp /bin/busybox /tmp/l2/bin
printf '#!/bin/busybox sh\n/bin/busybox echo L2 is alive\n/bin/busybox poweroff -f\n' >/tmp/l2/init
chmod +x /tmp/l2/init
(cd /tmp/l2 && find . | cpio -o -H newc 2>/dev/null) >/tmp/l2.cpio
timeout 300 qemu-system-x86_64-microvm -machine microvm,accel=kvm -cpu host -m 256 -nodefaults -no-user-config -display none \
  -no-reboot -serial stdio -kernel /kernel -initrd /tmp/l2.cpio -append "console=ttyS0 quiet panic=-1" | tee /tmp/out
grep -q 'L2 is alive' /tmp/out || exit 1
exit 43
"""


def main():
    cache = sys.argv[1]
    kernel = newest(f"{cache}/caisson/kernels/**/vmlinuz*")
    modules = newest(f"{cache}/caisson/kernels/**/lib/modules/*")
    done = subprocess.run([sys.executable, os.path.join(HERE, "machine.py"), "--kernel", kernel, "--modules", modules,
                           "--memory", "1024", "--timeout", "600", "--add", f"{kernel}=/kernel", "--script", SCRIPT])
    return 0 if done.returncode == 43 else 1


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
