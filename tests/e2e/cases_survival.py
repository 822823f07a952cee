# SPDX-License-Identifier: Apache-2.0
"""What breaks, is killed or is full: each time a clear end, nothing half-made, and the next command works."""

import concurrent.futures
import contextlib
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time

import images
import leftovers
from harness import Skipped, case, equal, true, wait_until

TINY = ("run", "--image", "tiny")


def ended(pid):
    """Whether a process is gone, or waits only to be reaped by somebody else."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def detached(host, label, *options, command=("sleep", "100000")):
    name = host.name(label)
    host.caisson(*TINY, "-d", "--name", name, *options, "--", *command).expect(out=f"{name}\n")
    return name


def template_groups(host):
    """The names of the cgroups of the template machine that runs for this host."""
    found = set()
    for pid in leftovers.processes(host.home):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
            if "/caisson-template-" in file.read():
                found |= groups_of(host, pid)
    return found


def groups_of(host, pid):
    """The names of the cgroups that a machine is in, all of which the look for leftovers must see."""
    with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
        found = set(re.findall(r"caisson-[\w.-]+", file.read()))
    seen = {os.path.basename(place) for place in leftovers.cgroups(host.home, host.data)}
    true(found <= seen, f"what looks for leftovers sees {seen} of {found}")
    return found


def groups_left(names):
    return [os.path.join(place, name) for place, below, _ in os.walk("/sys/fs/cgroup") for name in below if name in names]


@case()
def a_killed_keeper_takes_its_machine_with_it(host):
    """W5; then ls says stopped, start boots it with its disk's content, rm cleans all."""
    name = detached(host, "orphan")
    host.caisson("exec", "-u", "root", name, "--", "sh", "-c", "echo precious >/root/file; sync").expect()
    sandbox = host.inspect(name)
    groups = groups_of(host, sandbox["engine_pid"])
    true(all(group.startswith(f"caisson-{name}-") for group in groups), f"the machine's cgroups: {groups}")
    os.kill(sandbox["keeper_pid"], signal.SIGKILL)
    begin = time.monotonic()
    wait_until(lambda: ended(sandbox["engine_pid"]), "QEMU's end", seconds=5)
    true(time.monotonic() - begin < 1, f"QEMU lived on for {time.monotonic() - begin:.1f} s")
    equal([(one["name"], one["status"]) for one in host.sandboxes()], [(name, "stopped")], "ls")
    host.caisson("start", name).expect()
    host.caisson("exec", "-u", "root", name, "--", "cat", "/root/file").expect(out="precious\n")
    host.caisson("rm", "-f", name).expect()
    equal(host.sandboxes(), [], "ls after rm")


@case()
def a_killed_machine_is_a_clear_error(host):
    """The attached client gets exit code 125 and a reason, not a hang."""
    name = host.name("vmm")
    process = host.start(*TINY, "--name", name, "--", "sh", "-c", "echo up; exec sleep 100000")
    equal(process.stdout.readline(), b"up\n", "first line")
    os.kill(host.inspect(name)["engine_pid"], signal.SIGKILL)
    equal(process.wait(30), 125, "exit code")
    said = process.stderr.read().decode()
    true("caisson: " in said and "Killed" in said, f"stderr: {said!r}")
    # Nobody knows what it had changed in the folder: it stays until that was looked at, or is given up.
    true(f"`caisson diff {name}`" in said, f"stderr: {said!r}")
    host.caisson("rm", name).error(125, "could not be counted", "--force")
    host.caisson("rm", "-f", name).expect()


@case()
def a_killed_client_leaves_nothing(host):
    """`run` in the foreground: the sandbox goes away with its client."""
    process = host.start(*TINY, "--name", host.name("client"), "--", "sh", "-c", "echo up; exec sleep 100000")
    equal(process.stdout.readline(), b"up\n", "first line")
    process.kill()
    wait_until(lambda: host.sandboxes() == [], "the end of its sandbox")


@case(own_cache=True, timeout=900, processors=2)
def ten_at_once_make_one_template(host):
    """An empty cache (but for the image and the kernel) and ten commands: all end well, one of them made the template. The initramfs,
    which is seconds of work, may be made by several, and is one file then."""
    images.copy_cache(os.environ["CAISSON_TEST_CACHE"], host.cache)
    shutil.rmtree(f"{host.cache}/caisson/initramfs")
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        runs = [pool.submit(host.caisson, *TINY, "--cpus", "1", "--memory", "256M", "--", "echo", str(i), timeout=600) for i in range(10)]
        for i, one in enumerate(runs):
            one.result().expect(out=f"{i}\n")
    made = sum(one.result().err.count("booting the template machine") for one in runs)
    equal(made, 1, "templates that were booted")
    templates = [path for path in glob.glob(f"{host.cache}/caisson/templates/*/manifest.json")]
    equal(len(templates), 1, "templates")
    equal(len(glob.glob(f"{host.cache}/caisson/initramfs/*.cpio")), 1, "files of the initramfs")


@case(image=None, own_cache=True, timeout=1800, processors=2)
def ten_at_once_on_an_empty_cache(host):
    """Nothing is there, and ten users' first commands come at once: all end well, and what they need is made once."""
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        runs = [pool.submit(host.caisson, "run", "--", "true", timeout=1700) for _ in range(10)]
        said = [one.result().expect(out="").err for one in runs]
    for step in ("making the base image", "getting the guest's kernel", "booting the template machine"):
        equal(sum(text.count(f"caisson: {step}") for text in said), 1, f"how often it was said: {step}")
    equal(len(glob.glob(f"{host.cache}/caisson/images/*.erofs")), 1, "images")
    equal(len(glob.glob(f"{host.cache}/caisson/templates/*/manifest.json")), 1, "templates")


def own_templates(host):
    """A cache of the case's own whose image and kernel are the shared ones: (template folder, its options)."""
    images.copy_cache(os.environ["CAISSON_TEST_CACHE"], host.cache)
    options = (*TINY, "--cpus", "1", "--memory", "256M")
    host.caisson(*options, "--", "true", timeout=600).expect()
    return os.path.dirname(glob.glob(f"{host.cache}/caisson/templates/*/manifest.json")[0]), options


@case()
def equal_names_in_other_state_folders_do_not_meet(host):
    """Two users, or two HOMEs, may have sandboxes of one name: starting, killing and removing one leaves the other alone."""
    name = detached(host, "twin")
    other = {"XDG_DATA_HOME": f"{host.home}/other"}
    host.caisson(*TINY, "-d", "--name", name, "--", "sleep", "100000", env=other).expect(out=f"{name}\n")
    machine = host.inspect(name)["engine_pid"]
    twin = host.caisson("inspect", name, env=other).expect().json()[0]
    true(machine != twin["engine_pid"], "one machine for both")
    os.kill(twin["keeper_pid"], signal.SIGKILL)
    wait_until(lambda: ended(twin["engine_pid"]), "the end of the twin's machine")
    host.caisson("rm", "-f", name, env=other).expect()
    true(not ended(machine), "the machine ended with its twin")
    host.caisson("exec", name, "--", "echo", "here").expect(out="here\n")
    host.caisson("rm", "-f", name).expect()


@case(own_cache=True, timeout=2400)
def a_damaged_template_is_made_again(host):
    """K2: truncated, changed, missing, half-written. Each time the run itself notices and ends well, on a template that was made again;
    `image verify` notices too."""
    folder, options = own_templates(host)

    def truncate(path):
        os.truncate(path, os.path.getsize(path) // 2)

    def change(path):
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))

    def change_behind_its_time(path):
        before = os.stat(path)
        change(path)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def made_again(what):
        again = host.caisson(*options, "--", "echo", "fine", timeout=600).expect(out="fine\n")
        true("booting the template machine" in again.err, f"the run did not notice: {what}; stderr: {again.err!r}")
        host.caisson(*options, "--", "true").expect(err="")

    for damage, name in ((truncate, "ram"), (os.remove, "ram"), (change_behind_its_time, "ram"), (change, "state"), (truncate, "disk.raw"),
                         (change, "disk.raw"), (os.remove, "disk.raw"), (change, "overlay.qcow2"), (truncate, "overlay.qcow2"),
                         (os.remove, "manifest.json"), (truncate, "manifest.json")):
        damage(os.path.join(folder, name))
        made_again(f"{damage.__name__} of {name}")
    host.caisson("image", "verify").expect()
    for damage, name in ((change_behind_its_time, "disk.raw"), (truncate, "state")):
        damage(os.path.join(folder, name))
        true(host.caisson("image", "verify").code != 0, f"image verify did not notice: {damage.__name__} of {name}")
        made_again(f"what image verify found: {damage.__name__} of {name}")


@case(own_cache=True, timeout=900)
def a_damaged_initramfs_is_found_and_made_again(host):
    _, options = own_templates(host)
    # The sandboxes of this template have it in their memory already; what is booted from now on would not.
    path = max(glob.glob(f"{host.cache}/caisson/initramfs/*.cpio"), key=os.path.getmtime)
    with open(path, "r+b") as file:
        whole = file.read()
        file.seek(len(whole) // 2)
        file.write(b"damage")
    host.caisson("image", "verify").expect(code=1, out_has="its content has changed; the next start makes it again")
    host.caisson(*options, "--", "echo", "fine", timeout=600).expect(out="fine\n")
    with open(path, "rb") as file:
        true(file.read() == whole, "the initramfs that was made again is another")
    host.caisson("image", "verify").expect()
    true(os.path.exists(path), "the initramfs was not made again")


@case(own_cache=True, timeout=900)
def a_template_that_qemu_refuses_is_made_again(host):
    """The device state is what its manifest says, and yet no state: the start fails with the reason, the next one is well."""
    folder, options = own_templates(host)
    with open(f"{folder}/state", "r+b") as file:
        file.write(b"none")  # in place of the magic number
    with open(f"{folder}/state", "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    with open(f"{folder}/manifest.json", encoding="utf-8") as file:
        manifest = json.load(file)
    record, info = manifest["files"]["state"], os.stat(f"{folder}/state")
    record["digest"] = digest
    record["mtime_ns"], record["ctime_ns"] = info.st_mtime_ns, info.st_ctime_ns
    with open(f"{folder}/manifest.json", "w", encoding="utf-8") as file:
        json.dump(manifest, file)
    host.caisson(*options, "--", "true").error(125, "load of migration failed", "its template was unusable and is removed")
    host.caisson(*options, "--", "echo", "fine", timeout=600).expect(out="fine\n")


@case(own_cache=True, timeout=900)
def a_killed_template_build_leaves_nothing_behind(host):
    folder, options = own_templates(host)
    subprocess.run(["rm", "-rf", folder], check=True)

    def ram_files():
        """Those in hidden folders too, where a template is made."""
        return {os.path.join(place, "ram") for place, _, files in os.walk(f"{host.cache}/caisson") if "ram" in files}

    for _ in range(3):
        begin = time.time_ns() - 20_000_000  # file times are those of the last clock tick
        process = host.start(*options, "--", "true")

        def in_the_making():
            # What an earlier round left may be removed while it is looked at.
            with contextlib.suppress(FileNotFoundError):
                return [info for info in map(os.stat, ram_files()) if info.st_ctime_ns > begin and info.st_blocks > 0]

        wait_until(in_the_making, "the RAM file of a template in the making", seconds=120)
        process.kill()
        process.wait()
        true(not os.path.exists(folder), "the template was complete before it could be killed")
    host.caisson(*options, "--", "echo", "fine", timeout=600).expect(out="fine\n")
    equal(len(ram_files()), 1, "RAM files")


@case(image="base", timeout=900)
def a_killed_docker_engine_is_started_again(host):
    """By root in the guest: once while it stands still because nobody has used it, once while it runs."""
    name = host.name("engine")
    host.caisson("run", "-d", "--name", name).expect(out=f"{name}\n")
    as_root = ("exec", "-u", "root", name, "--")
    pids = []

    def answers():
        return host.caisson("exec", name, "--", "docker", "version", "--format", "{{.Server.Os}}").out == "linux\n"

    for frozen in ("1", "0"):
        host.caisson(*as_root, "cat", "/sys/fs/cgroup/engine/cgroup.freeze").expect(out=f"{frozen}\n")
        killed = host.caisson(*as_root, "cat", "/run/docker.pid").expect().out.strip()
        host.caisson(*as_root, "kill", "-KILL", killed).expect(out="", err="")
        wait_until(lambda: host.caisson(*as_root, "test", "-e", f"/proc/{killed}").code == 1, "the engine's end")
        wait_until(answers, "an engine that answers", seconds=300)
        host.caisson("exec", name, "--", "docker", "run", "--rm", "caisson/hello").expect(out_has="Hello from Caisson!")
        pids += [killed, host.caisson(*as_root, "cat", "/run/docker.pid").expect().out.strip()]
    equal(pids[1], pids[2], "the engine that was started and then killed")
    equal(len(set(pids)), 3, "engines")
    host.caisson("exec", name, "--", "docker", "ps", "-aq").expect(out="")
    host.caisson("stop", name).expect()
    host.caisson("rm", name).expect()


@case(timeout=900)
def a_gibibyte_passes_unchanged(host):
    """Through exec's stdin and stdout, compared by digest on both sides."""
    import hashlib
    import threading
    name = detached(host, "pipe")
    process = host.start("exec", name, "--", "cat")
    sent, received = hashlib.sha256(), hashlib.sha256()
    block = os.urandom(1 << 20)

    def send():
        for number in range(1024):
            data = number.to_bytes(4, "big") + block[4:]
            sent.update(data)
            process.stdin.write(data)
        process.stdin.close()

    writer = threading.Thread(target=send)
    writer.start()
    total = 0
    while data := process.stdout.read(1 << 20):
        received.update(data)
        total += len(data)
    writer.join()
    equal(process.wait(60), 0, "exit code")
    equal(total, 1 << 30, "bytes")
    equal(received.hexdigest(), sent.hexdigest(), "digest")
    host.caisson("rm", "-f", name).expect()


@case(timeout=600, processors=2)
def ten_at_once_finish(host):
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        runs = [pool.submit(host.caisson, *TINY, "--", "echo", str(i), timeout=300) for i in range(10)]
        for i, one in enumerate(runs):
            one.result().expect(out=f"{i}\n", err="")


@case(own_cache=True, timeout=900)
def a_template_whose_machine_dies_is_explained_at_once(host):
    """QEMU is killed while a template is made: its end is the reason that is told, soon, and the next run makes the template."""
    folder, options = own_templates(host)
    subprocess.run(["rm", "-rf", folder], check=True)
    process = host.start(*options, "--", "true")

    def machine():
        # The template's machine is a child of the command itself, or of a helper of its wall.
        found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False).stdout.split()
        for child in list(found):
            found += subprocess.run(["pgrep", "-P", child], capture_output=True, text=True, check=False).stdout.split()
        for pid in found:
            with contextlib.suppress(OSError):
                if "qemu" in os.path.basename(os.readlink(f"/proc/{pid}/exe")):
                    return int(pid)
        return None

    def boots():
        # Its memory grows when the guest runs: one that is killed before that has not started at all, which is told in other words.
        rams = glob.glob(f"{host.cache}/caisson/templates/.making-*/ram")
        with contextlib.suppress(FileNotFoundError):
            return any(os.stat(path).st_blocks * 512 > 16 << 20 for path in rams)

    wait_until(boots, "a template machine that boots", seconds=120)
    os.kill(wait_until(machine, "the template's QEMU", seconds=120), signal.SIGKILL)
    # Well below the time limit of a build, which is what it took when the end was not seen.
    equal(process.wait(120), 125, "exit code")
    said = process.stderr.read().decode()
    for text in ("caisson: the template's machine ended before it was complete: ", "Killed", "dmesg"):
        true(text in said, f"{text!r} is not in {said!r}")
    host.caisson(*options, "--", "echo", "fine", timeout=600).expect(out="fine\n")


@case(labels=("root",), own_cache=True, timeout=900)
def a_full_cache_disk_is_explained(host):
    """There is room for the image and the kernel, and none for a template: said before anything is booted. Room that is gone
    while the template is made ends it at once."""
    if os.geteuid() != 0:
        raise Skipped("mounting needs root")
    os.mkdir(host.cache)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "none", host.cache], check=True)
    options = (*TINY, "--cpus", "1", "--memory", "256M")

    def fill(but):
        with open(f"{host.cache}/filler", "ab") as file:
            space = os.statvfs(host.cache)
            more = space.f_bavail * space.f_frsize - but
            if more > 0:
                os.posix_fallocate(file.fileno(), file.tell(), more)

    def begun():
        with contextlib.suppress(FileNotFoundError):
            return any(os.stat(path).st_blocks for path in glob.glob(f"{host.cache}/caisson/templates/.making-*/ram"))

    try:
        images.copy_cache(os.environ["CAISSON_TEST_CACHE"], host.cache)
        fill(64 << 20)
        told = ("no space left for a template in '", f"{host.cache}/caisson/templates/", "free some disk space")
        host.caisson(*options, "--", "true").error(125, *told, after=["preparing the template's files"])
        os.remove(f"{host.cache}/filler")

        process = host.start(*options, "--", "true")
        wait_until(begun, "the RAM file of a template in the making", seconds=120)

        def ended_on_a_full_disk():
            with contextlib.suppress(OSError):  # the machine was faster with the last page
                fill(0)
            return process.poll() is not None

        wait_until(ended_on_a_full_disk, "the end of a build without space", seconds=60)
        equal(process.wait(1), 125, "exit code")
        said = process.stderr.read().decode()
        true(all(text in said for text in told), f"stderr: {said!r}")
        os.remove(f"{host.cache}/filler")
        host.caisson(*options, "--", "echo", "fine", timeout=600).expect(out="fine\n")
    finally:
        subprocess.run(["umount", "-l", host.cache], check=True)


@case(own_cache=True, timeout=900)
def a_kept_sandbox_starts_without_the_cache(host):
    """What it boots from is its own: the cache can be removed, or made again by a later version."""
    _, options = own_templates(host)
    name = host.name("own")
    host.caisson(*options, "-d", "--name", name, "--", "sleep", "100000").expect(out=f"{name}\n")
    host.caisson("exec", "-u", "root", name, "--", "sh", "-c", "echo precious >/root/file; sync").expect()
    host.caisson("stop", name).expect()
    os.rename(f"{host.cache}/caisson", f"{host.cache}/moved")
    host.caisson("start", name).expect()
    host.caisson("exec", "-u", "root", name, "--", "cat", "/root/file").expect(out="precious\n")
    host.caisson("rm", "-f", name).expect()


@case(own_cache=True, timeout=600)
def an_image_with_next_to_nothing_runs(host):
    """One program and its name: init makes the folders that it needs."""
    images.copy_kernel(os.environ["CAISSON_TEST_CACHE"], host.cache)
    root = f"{host.home}/mini"
    os.makedirs(f"{root}/bin")
    shutil.copy("/bin/busybox", f"{root}/bin/busybox")
    os.symlink("busybox", f"{root}/bin/sh")
    host.caisson("image", "import", "mini", root).expect()
    host.caisson("run", "--image", "mini", "--cpus", "1", "--memory", "256M", "--", "sh", "-c", "echo tiny", timeout=300).expect(out="tiny\n")


@case(own_cache=True, timeout=900)
def the_next_command_sweeps_what_a_killed_template_build_left(host):
    """Of whatever template: here of one that is never made again. Its draft and its machine's cgroup."""
    folder, options = own_templates(host)
    templates = os.path.dirname(folder)

    def drafts():
        return glob.glob(f"{templates}/.making-*")

    def empty(group):
        with open(f"{group}/cgroup.procs", encoding="utf-8") as file:
            return not file.read()

    process = host.start(*TINY, "--cpus", "1", "--memory", "320M", "--", "true")
    # The boot's first words come after the machine is in its group.
    wait_until(lambda: [path for path in glob.glob(f"{templates}/.making-*/console.log") if os.path.getsize(path)],
               "the console of a template in the making", seconds=120)
    names = template_groups(host)
    process.kill()
    process.wait()
    wait_until(lambda: not leftovers.processes(host.home) and all(map(empty, groups_left(names))), "the end of its machine")
    equal(len(drafts()), 1, "drafts of the killed command")
    host.caisson(*options, "--", "echo", "fine", timeout=600).expect(out="fine\n")
    equal(drafts(), [], "drafts")
    equal(groups_left(names), [], "cgroups")
