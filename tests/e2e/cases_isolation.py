# SPDX-License-Identifier: Apache-2.0
"""The claims of docs/threat-model.md that need a running sandbox. Each case names its claims."""

import contextlib
import functools
import json
import os
import pwd
import re
import shlex
import shutil
import socket
import subprocess

import images
import leftovers
from harness import Skipped, case, equal, fail, read, true, wait_until, write

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
        own = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout.split()
        targets = ["127.0.0.1", "10.0.2.2", "169.254.169.254", "192.0.2.1", *(address for address in own if "." in address)]
        # The same words reach a listener inside: it is not nc that fails.
        probe = "nc -w 2 {} {} </dev/null >/dev/null && echo reached {}"
        control = f"(nc -l -p 7 </dev/null >/dev/null &) ; until {probe.format('127.0.0.1', 7, 'itself')}; do :; done; "
        script = control + "; ".join(probe.format(target, port, target) for target in targets) + "; true"
        host.caisson(*TINY, "-u", "root", "--", "sh", "-c", script).expect(out="reached itself\n")
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
    for part in ("capabilities", "no_new_privs", "seccomp", "landlock"):
        true(wall[part]["stands"], f"inspect does not say that {part} stands: {wall}")
    with open(f"/proc/{sandbox['engine_pid']}/cmdline", "rb") as file:
        equal(wall["QEMU's seccomp"]["stands"], b"-sandbox" in file.read().split(b"\0"), "what inspect says of QEMU's own filter")
    for namespace in ("user", "mnt", "pid", "net", "ipc"):
        own = os.readlink(f"/proc/{sandbox['engine_pid']}/ns/{namespace}") != os.readlink(f"/proc/self/ns/{namespace}")
        word = {"mnt": "mount", "net": "net"}.get(namespace, namespace)
        says = [part["stands"] for known, part in wall.items() if "namespace" in known and word in known]
        true(says == [own], f"inspect says {says} of the {word} namespace, the kernel says {own}: {sorted(wall)}")
        if os.geteuid() == 0:
            true(own, f"root's QEMU has no {word} namespace of its own")
    # The files of the host that it holds, and no others: the image and the disk's base by their links in the sandbox's folder.
    with open(f"{host.folder(name)}/plan.json", encoding="utf-8") as file:
        template = json.load(file)["details"]["template"]
    its_own = {f"{host.folder(name)}/vm/{file}" for file in ("disk.qcow2", "base.raw", "image.erofs")}
    shared = {f"{host.cache}/caisson/templates/{template}/ram"}
    devices = {path for path in held(sandbox) if path.startswith(("/dev/", "/memfd:", "anon_inode:"))}
    equal(held(sandbox) - devices, its_own | shared, "the files that QEMU holds")
    true(devices <= {"/dev/kvm", "/dev/null", "/dev/urandom"}, f"QEMU holds {devices}")
    host.caisson("rm", "-f", name).expect()


def held(sandbox):
    return {path for path, _ in open_files(sandbox["engine_pid"])}


@case()
def two_sandboxes_see_nothing_of_each_other(host):
    """M6. Both alive, of one template: each with a listener, a process and a file of its own, which the other looks for in vain."""
    ports = {"left": 7001, "right": 7002}
    names = {}
    for label, port in ports.items():
        names[label] = detached(host, label)
        host.caisson("exec", names[label], "--", "touch", f"/tmp/marker-{label}").expect()
        marker = host.start("exec", names[label], "--", "sh", "-c", f"echo up; exec sleep {port}{port}")
        equal(marker.stdout.readline(), b"up\n", "first line")
        listener = host.start("exec", names[label], "--", "sh", "-c", f"nc -ll -p {port} -e echo {label} & until nc 127.0.0.1 {port}; "
                                                                      "do :; done </dev/null >/dev/null 2>&1; echo up; wait")
        equal(listener.stdout.readline(), b"up\n", "first line")

    def seen(by, of):
        """What of `of` is seen by `by`: its process, its files, and its listener at the loopback's and at the guest's own address."""
        port = ports[of]
        script = (f"ps -o args | grep -q '^sleep {port}{port}' && echo process; ls /tmp/marker-{of} 2>/dev/null; "
                  f"for address in 127.0.0.1 100.64.0.2; do nc -w 5 $address {port} </dev/null; done 2>/dev/null; true")
        return host.caisson("exec", names[by], "--", "sh", "-c", script).expect().out.split()

    for one, other in (("left", "right"), ("right", "left")):
        equal(seen(one, one), ["process", f"/tmp/marker-{one}", one, one], f"what {one} sees of itself")
        equal(seen(one, other), [], f"what {one} sees of {other}")
    host.caisson("rm", "-f", *names.values()).expect()


@case()
def shared_files_are_not_writable_for_qemu(host):
    """M5. What is shared is known by its inode: a template's files have names in the sandbox's folder too."""
    name = detached(host, "ro")

    def inode(path):
        # Other cases make templates in this cache meanwhile.
        with contextlib.suppress(FileNotFoundError):
            info = os.stat(path)
            return info.st_dev, info.st_ino
        return None

    cache = os.path.join(host.cache, "caisson")
    shared = {inode(os.path.join(place, file)): file for place, _, files in os.walk(cache) for file in files}
    held = [(shared[inode(path)], path, may_write) for path, may_write in open_files(host.inspect(name)["engine_pid"])
            if inode(path) is not None and inode(path) in shared]
    for wanted in (".erofs", "disk.raw", "ram"):
        true(any(file.endswith(wanted) for file, _, _ in held), f"QEMU is not seen to hold the shared {wanted}: {held}")
    for file, path, may_write in held:
        true(not may_write, f"QEMU may write to the shared {file} ({path})")
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
    # Behind a whole frame of init's, 0xff is a header of an unknown version.
    equal(ended["reason"], f"the sandbox '{name}' ended: its guest broke the link: a frame of yamux version 255 instead of version 0",
          "the reason")
    host.caisson("exec", name, "--", "true").error(125, f"'{name}'")
    host.caisson("rm", "-f", name).expect()


@case(timeout=600)
def limits_hold(host):
    """R1, R2."""
    options = ("--cpus", "1", "--memory", "256M", "--disk", "200M", "--pids", "32")
    run = (*TINY, *options, "-u", "root", "--")
    host.caisson(*run, "grep", "-c", "^processor", "/proc/cpuinfo").expect(out="1\n")
    memory = int(host.caisson(*run, "sh", "-c", "awk '/MemTotal/ { print $2 }' /proc/meminfo").expect().out)
    # The kernel keeps some of it to itself, and less than a quarter.
    true(192 * 1024 < memory <= 256 * 1024, f"MemTotal is {memory} KiB")
    full = host.caisson(*run, "dd", "if=/dev/zero", "of=/root/big", "bs=1M", "count=400")
    full.expect(code=1, err_has=["No space left", "caisson: the sandbox's disk is full (the limit is 200 MiB, --disk)\n"])
    written = int(re.search(r"(\d+)\+\d+ records out", full.err).group(1))
    true(100 < written < 200, f"{written} MiB were written to a disk of 200 MiB")
    forks = host.caisson(*run, "sh", "-c", "for i in $(seq 64); do sleep 1000 & done; echo unreachable")
    forks.expect(code=2, out="", err_has=["can't fork: Resource temporarily unavailable",
                                          re.compile(r"^caisson: the process limit of 32 was hit .*\(--pids\)$", re.M)])
    host.caisson(*run, "sh", "-c", "tail /dev/zero").expect(
        code=137, err_has=re.compile(r"^caisson: memory ran out: .*\(the limit is 256 MiB, --memory\)$", re.M))


@case()
def the_time_limit_needs_no_word_of_the_guest(host):
    """R2. Root in the guest freezes init; nothing in there answers any more."""
    freeze_init = "cd /sys/fs/cgroup; mkdir ice; echo 1 >ice/cgroup.procs; echo 1 >ice/cgroup.freeze; sleep 100000"
    name = host.name("frozen")
    limited = host.caisson(*TINY, "--name", name, "-u", "root", "--timeout", "3s", "--", "sh", "-ec", freeze_init)
    # Nor does it say what was changed in the workspace.
    limited.expect(code=124, err_has=["the time limit of 3 s was reached", "changes that could not be counted"])
    host.caisson("rm", "-f", name).expect()


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
    size = ("--cpus", "1", "--memory", "256M")
    bystander = detached(host, "near", *size)
    # The first hog is alone, so that it comes to its end; another one grows beside the bomb.
    name = detached(host, "bomb", *size, "--pids", "256", command=(
        "sh", "-c", "tail /dev/zero; echo hog $?; tail /dev/zero & b() { b | b & }; b; exec sleep 100000"))
    wait_until(lambda: "hog 137\n" in host.caisson("logs", name).expect().out, "the end of the memory hog", seconds=120)

    def went_off():
        """Forks were refused: the counter of them, unless the command that asks for it is itself one too many."""
        asked = host.caisson("exec", "-u", "root", name, "--", "cat", "/sys/fs/cgroup/agent/exec/pids.events", timeout=120)
        if asked.code == 125:
            asked.error(125, "the sandbox's limit of processes is reached")
            return True
        return int(asked.expect().out.split()[1]) > 0

    wait_until(went_off, "the fork bomb at the limit", seconds=120)

    # On the host it is the two keepers, the two machines and a few threads, and no more memory than was given to the machine.
    machine = host.inspect(name)["engine_pid"]
    status = status_of(machine)
    resident = int(status["VmRSS"].split()[0]) >> 10
    true(resident < 256 + 192, f"the machine of 256 MiB has {resident} MiB of the host's memory")
    true(int(status["Threads"]) < 64, f"the machine has {status['Threads']} threads")
    processes = leftovers.processes(host.home)
    true(len(processes) < 16, f"{len(processes)} processes on the host: {processes}")
    host.caisson("exec", bystander, "--", "echo", "alive", timeout=120).expect(out="alive\n")
    host.caisson(*TINY, *size, "--", "echo", "new", timeout=120).expect(out="new\n")

    host.caisson("stop", name, timeout=60).expect()
    equal(host.inspect(name)["reason"], "the sandbox was stopped: by request", "reason")
    host.caisson("rm", name).expect()
    host.caisson("rm", "-f", bystander).expect()


@case()
def a_flood_of_output_is_bounded(host):
    """L2. The client's reader stops: the guest is held back, what is on the way is bounded, and it goes on when it is read."""
    name = host.name("flood")
    process = host.start(*TINY, "--name", name, "--", "sh", "-c", "echo up; read line; exec dd if=/dev/zero bs=64k")
    equal(process.stdout.readline(), b"up\n", "first line")
    keeper = host.inspect(name)["keeper_pid"]

    def resident_kib():
        return int(status_of(keeper)["VmRSS"].split()[0])

    def writer():
        """(bytes written, the state of the process) of dd."""
        script = "pid=$(pidof dd); cat /proc/$pid/io /proc/$pid/status"
        asked = host.caisson("exec", "-u", "root", name, "--", "sh", "-c", script).expect()
        lines = dict(line.split(":", 1) for line in asked.out.splitlines())
        return int(lines["wchar"]), lines["State"].split()[0]

    seen = []

    def held_back():
        """It sleeps and has written nothing from one question to the next but one; the answers pass where its bytes would."""
        seen.append(writer())
        return len(seen) >= 3 and seen[-1][1] == "S" and seen[-1] == seen[-2] == seen[-3]

    before = resident_kib()
    process.stdin.write(b"\n")
    process.stdin.flush()
    equal(process.stdout.read(1), b"\0", "first byte of the flood")
    wait_until(held_back, "the guest held back", seconds=60)
    written, grown = seen[-1][0], resident_kib() - before
    true(0 < written < 64 << 20, f"{written} bytes were written although nobody read")
    true(grown < 32 << 10, f"the keeper grew by {grown} KiB while nobody read")

    equal(len(process.stdout.read(written + (4 << 20))), written + (4 << 20), "bytes that came when they were read again")
    process.kill()
    wait_until(lambda: host.sandboxes() == [], "the end of its sandbox")


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
    """The README's first command, word by word, by the script of a tree that is built; its second run shows no set-up."""
    root = os.path.join(os.path.dirname(__file__), "../..")
    script, *words = shlex.split(re.search(r"^    (\./caisson .*)$", read(f"{root}/README.md"), re.M).group(1))
    tree = f"{host.home}/tree"
    os.makedirs(f"{tree}/build/release")
    for name in ("src", "cmake", "scripts", "CMakeLists.txt"):
        os.symlink(os.path.realpath(f"{root}/{name}"), f"{tree}/{name}")
    os.symlink(os.path.dirname(os.path.realpath(host.binary)), f"{tree}/build/release/bin")
    shutil.copy(f"{root}/caisson", tree)
    write(f"{tree}/build/release/built")
    host.binary = script
    host.caisson(*words, cwd=tree).expect(out_has="Hello")
    host.caisson(*words, cwd=tree).expect(out_has="Hello", err="")


@case(timeout=1200)
def an_ordinary_user_needs_no_root(host):
    """Daily use as another user than root, with nothing of root's readable: an image of one's own, sandboxes of it, their end."""
    if os.geteuid() != 0:
        raise Skipped("the other cases run as an ordinary user already")
    user, name = "nobody", host.name("own")
    home, identity = f"{host.home}/{user}", pwd.getpwnam(user)
    caisson = functools.partial(host.as_user, user, timeout=900)
    caisson("ls", "--json").expect(out="[]\n", err="")
    caisson("doctor").expect(err="", out_has="microvm")
    # A kernel of one's own comes from a package mirror; this one is copied.
    images.copy_kernel(os.environ["CAISSON_TEST_CACHE"], f"{home}/.cache")
    archive = f"{home}/root.tar"
    images.make_busybox_tar(archive)
    for place, folders, files in os.walk(home):
        for path in (place, *(f"{place}/{entry}" for entry in folders + files)):
            os.lchown(path, identity.pw_uid, identity.pw_gid)

    caisson("image", "import", "own", archive).expect()
    options = ("run", "--image", "own", "--cpus", "1", "--memory", "256M")
    caisson(*options, "--", "sh", "-c", "id -un; stat -c %U /home/agent /bin/busybox; exit 3").expect(code=3, out="agent\nagent\nroot\n")
    caisson(*options, "-d", "--name", name, "--", "sleep", "100000").expect(out=f"{name}\n", err="")
    caisson("exec", name, "--", "echo", "hello").expect(out="hello\n", err="")
    sandbox = caisson("inspect", "--json", name).expect().json()[0]
    wall = {part["name"]: part["stands"] for part in sandbox["wall"]}
    for part in ("capabilities", "seccomp", "landlock"):
        true(any(part in known.lower() and stands for known, stands in wall.items()), f"{part} does not stand: {wall}")
    for process in ("keeper_pid", "engine_pid"):
        status = status_of(sandbox[process])
        equal(set(status["Uid"].split()), {str(identity.pw_uid)}, f"the uids of {process}")
        equal(int(status["CapEff"], 16), 0, f"the capabilities of {process}")
    caisson("rm", name).error(125, f"'{name}'", "-f")
    caisson("rm", "-f", name).expect()
    caisson("ls", "--json").expect(out="[]\n", err="")
    equal(leftovers.settle(home, f"{home}/run", f"{home}/.local/share"), [], "left behind")
