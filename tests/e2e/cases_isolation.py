# SPDX-License-Identifier: Apache-2.0
"""The claims of docs/threat-model.md that need a running sandbox. Each case names its claims."""

import os
import re
import signal
import socket

from harness import Skipped, case, equal, fail, true, wait_until

TINY = ("run", "--image", "tiny")


def detached(host, label, *options, image="tiny", command=("sleep", "100000")):
    name = host.name(label)
    host.caisson("run", "--image", image, "-d", "--name", name, *options, "--", *command).expect(out=f"{name}\n")
    return name


@case()
def the_guest_has_no_network(host):
    """M4. A listener on the host's loopback and one on its own address are the canaries: nothing may arrive."""
    with socket.create_server(("0.0.0.0", 0)) as canary:
        port = canary.getsockname()[1]
        interfaces = host.caisson(*TINY, "--", "ls", "/sys/class/net").expect().out.split()
        true(set(interfaces) <= {"lo", "dummy0"}, f"the guest has other interfaces: {interfaces}")
        targets = ["127.0.0.1", "10.0.2.2", "169.254.169.254", "192.0.2.1"]
        script = "; ".join(f"nc -w 2 {target} {port} </dev/null && echo reached {target}" for target in targets) + "; true"
        host.caisson(*TINY, "-u", "root", "--", "sh", "-c", script).expect(out="")
        canary.settimeout(0.2)
        try:
            canary.accept()
            fail("a connection of the guest reached the host")
        except TimeoutError:
            pass


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def open_files(pid):
    """(path, may write) of each open descriptor that has a path."""
    found = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        path = os.readlink(f"/proc/{pid}/fd/{number}")
        with open(f"/proc/{pid}/fdinfo/{number}", encoding="utf-8") as file:
            flags = int(re.search(r"^flags:\s*(\d+)", file.read(), re.M).group(1), 8)
        if path.startswith("/"):
            found.append((path, flags & os.O_ACCMODE != os.O_RDONLY))
    return found


@case()
def the_wall_of_qemu_stands(host):
    """W1, W3, W4. What inspect says is compared with what the kernel says of the process."""
    name = detached(host, "wall")
    sandbox = host.inspect(name)
    status = status_of(sandbox["engine_pid"])
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        equal(int(status[capabilities], 16), 0, capabilities)
    equal(status["NoNewPrivs"], "1", "NoNewPrivs")
    equal(status["Seccomp"], "2", "Seccomp (2: a filter)")
    wall = {part["name"]: part for part in sandbox["wall"]}
    for part in ("capabilities", "seccomp", "landlock"):
        true(any(part in known.lower() and wall[known]["stands"] for known in wall), f"inspect does not say that {part} stands: {wall}")
    for namespace in ("user", "mnt", "pid", "net", "ipc"):
        own = os.readlink(f"/proc/{sandbox['engine_pid']}/ns/{namespace}") != os.readlink(f"/proc/self/ns/{namespace}")
        word = {"mnt": "mount", "net": "net"}.get(namespace, namespace)
        says = [part["stands"] for known, part in wall.items() if "namespace" in known and word in known]
        true(says == [own], f"inspect says {says} of the {word} namespace, the kernel says {own}: {sorted(wall)}")
        if os.geteuid() == 0:
            true(own, f"root's QEMU has no {word} namespace of its own")
    for path, _ in open_files(sandbox["engine_pid"]):
        allowed = (host.folder(name), os.path.join(host.cache, "caisson"), "/dev/kvm", "/dev/null", "/memfd:")
        true(path.startswith(allowed), f"QEMU holds {path}")
    host.caisson("rm", "-f", name).expect()


@case()
def shared_files_are_not_writable_for_qemu(host):
    """M5."""
    name = detached(host, "ro")
    shared = os.path.join(host.cache, "caisson")
    files = open_files(host.inspect(name)["engine_pid"])
    true(any(path.startswith(shared) for path, _ in files) or not files, f"no shared file is open: {files}")
    for path, may_write in files:
        true(not (may_write and path.startswith(shared)), f"QEMU may write to {path}")
    host.caisson("rm", "-f", name).expect()


@case(image="base", timeout=600)
def garbage_on_the_link_ends_the_sandbox_only(host):
    """L1. Root in the guest takes init's own descriptor of the link and writes into the stream."""
    name = detached(host, "rogue", image="base")
    rogue = r"""
import ctypes, glob, os
libc = ctypes.CDLL(None, use_errno=True)
init = libc.syscall(434, 1, 0)
for number in sorted(int(n) for n in os.listdir('/proc/1/fd')):
    try:
        target = os.readlink('/proc/1/fd/%d' % number)
    except OSError:
        continue
    if 'vport' in target:
        link = libc.syscall(438, init, number, 0)
        os.write(link, b'\xff' * 65536)
        print('written')
"""
    host.caisson("exec", "-u", "root", name, "--", "python3", "-c", rogue)
    ended = wait_until(lambda: (lambda it: it if it["status"] == "stopped" else None)(host.inspect(name)), "its end")
    true("link" in ended["reason"] or "protocol" in ended["reason"] or "frame" in ended["reason"], f"the reason: {ended['reason']!r}")
    host.caisson("exec", name, "--", "true").error(125, f"'{name}'")
    host.caisson("rm", name).expect()


@case(timeout=600)
def limits_hold(host):
    """R1, R2."""
    options = ("--cpus", "1", "--memory", "256M", "--disk", "200M", "--pids", "32")
    run = (*TINY, *options, "-u", "root", "--")
    host.caisson(*run, "grep", "-c", "^processor", "/proc/cpuinfo").expect(out="1\n")
    memory = int(host.caisson(*run, "sh", "-c", "awk '/MemTotal/ { print $2 }' /proc/meminfo").expect().out)
    true(100_000 < memory <= 256 * 1024, f"MemTotal is {memory} KiB")
    full = host.caisson(*run, "dd", "if=/dev/zero", "of=/root/big", "bs=1M", "count=400")
    true(full.code == 1 and "No space left" in full.err, f"400 MiB on a disk of 200 MiB: {full.code} {full.err!r}")
    true(any(line.startswith("caisson: ") and "disk" in line for line in full.err.splitlines()), f"nothing says that the disk was full: {full.err!r}")
    forks = host.caisson(*run, "sh", "-c", "for i in $(seq 64); do sleep 1000 & done; echo unreachable")
    true(forks.code != 0 or "fork" in forks.err, f"64 processes under a limit of 32: {forks.code} {forks.err!r}")
    true(any(line.startswith("caisson: ") and "process" in line for line in forks.err.splitlines()),
         f"nothing says that the process limit was hit: {forks.err!r}")
    hog = host.caisson(*run, "sh", "-c", "tail /dev/zero")
    true(hog.code == 137, f"a memory hog ended with {hog.code}")
    true(any(line.startswith("caisson: ") and "memory" in line for line in hog.err.splitlines()), f"nothing says why: {hog.err!r}")


@case()
def freed_memory_goes_back_to_the_host(host):
    """The guest reports its free pages, and QEMU gives them back."""
    name = detached(host, "sponge", "--cpus", "1", "--memory", "512M")
    machine = host.inspect(name)["engine_pid"]

    def private_mib():
        with open(f"/proc/{machine}/smaps_rollup", encoding="utf-8") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("Private_")) // 1024

    before = private_mib()
    host.caisson("exec", "-u", "root", name, "--", "dd", "if=/dev/zero", "of=/dev/shm/big", "bs=1M", "count=150").expect()
    full = private_mib()
    true(full > before + 140, f"a file of 150 MiB in memory: {before} MiB before, {full} MiB after")
    host.caisson("exec", "-u", "root", name, "--", "rm", "/dev/shm/big").expect()
    wait_until(lambda: private_mib() < full - 100, f"memory given back; {before} MiB before, {full} MiB with the file")
    host.caisson("rm", "-f", name).expect()


@case(timeout=600)
def a_fork_bomb_and_a_memory_hog_stay_inside(host):
    """R3."""
    name = detached(host, "bomb", "--cpus", "1", "--memory", "256M", "--pids", "256",
                    command=("sh", "-c", "tail /dev/zero & b() { b | b & }; b; sleep 100000"))
    bystander = detached(host, "near", "--cpus", "1", "--memory", "256M")
    host.caisson("exec", bystander, "--", "echo", "alive", timeout=120).expect(out="alive\n")
    host.caisson("exec", name, "-u", "root", "--", "true", timeout=120)
    host.caisson("stop", name, timeout=60).expect()
    equal(host.inspect(name)["status"], "stopped", "status")
    host.caisson("rm", "-f", name, bystander).expect()


@case()
def a_flood_of_output_is_bounded(host):
    """L2. The client stops reading; the keeper's memory stays where it is while the guest goes on writing."""
    process = host.start(*TINY, "--name", host.name("flood"), "--", "sh", "-c", "cat /dev/zero")
    true(process.stdout.read(1) == b"\0", "the flood did not begin")
    keeper = host.inspect(host.name("flood"))["keeper_pid"]

    def resident_kib():
        return int(status_of(keeper)["VmRSS"].split()[0])

    # The pipe and all windows are full when nothing has moved for a while: two equal readings of the guest's side.
    before = resident_kib()
    host.caisson("exec", host.name("flood"), "--", "sleep", "3").expect()
    grown = resident_kib() - before
    true(grown < 32 << 10, f"the keeper grew by {grown} KiB while nobody read")
    process.send_signal(signal.SIGKILL)
    host.caisson("rm", "-f", host.name("flood"))


@case(image="base", timeout=900)
def two_docker_engines_do_not_see_each_other(host):
    """M2, M3: each sandbox has its own Docker Engine."""
    one, two = detached(host, "one", image="base"), detached(host, "two", image="base")
    host.caisson("exec", one, "--", "docker", "run", "--name", "only-here", "caisson/hello").expect()
    host.caisson("exec", one, "--", "docker", "ps", "-aq").expect(out_has=re.compile(r"^[0-9a-f]{12}\n$"))
    host.caisson("exec", two, "--", "docker", "ps", "-aq").expect(out="")
    host.caisson("rm", "-f", one, two).expect()


@case(image="base", timeout=600)
def the_main_job(host):
    """The README's first command; its second run shows no set-up."""
    host.caisson("run", "--", "docker", "run", "--rm", "caisson/hello").expect(out_has="Hello")
    host.caisson("run", "--", "docker", "run", "--rm", "caisson/hello").expect(out_has="Hello", err="")


@case(image=None)
def an_ordinary_user_needs_no_root(host):
    """Daily use needs no root: version, doctor and ls as another user than root, with nothing of root's readable."""
    if os.geteuid() != 0:
        raise Skipped("the other cases run as an ordinary user already")
    result = host.as_user("nobody", "ls", "--json")
    result.expect(out="[]\n", err="")
    host.as_user("nobody", "doctor").expect(err="", out_has="microvm")
