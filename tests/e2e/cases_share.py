# SPDX-License-Identifier: Apache-2.0
"""caisson-share as a file system of this machine's kernel (fuse_mount.py): names, what the host changes, what is hidden, its wall."""

import errno
import hashlib
import os
import random
import signal
import stat
import subprocess
import threading

from fuse_mount import EXCHANGE, NOREPLACE, errno_of, folder_of, get, mounted, program, put, renameat2
from harness import case, equal, true, wait_until


KINDS = ("missing", "file", "empty", "full", "link", "dangling", "pipe")


def make(path, kind):
    if kind == "file":
        put(path, b"text")
    elif kind in ("empty", "full"):
        os.mkdir(path)
        if kind == "full":
            put(f"{path}/in", b"")
    elif kind == "link":
        os.symlink("target", path)
    elif kind == "dangling":
        os.symlink("nowhere", path)
    elif kind == "pipe":
        os.mkfifo(path)


def opened(path, flags):
    os.close(os.open(path, flags | os.O_NONBLOCK))


def calls(path, other):
    """Each call that has a name, on a path and with another one."""
    yield "mkdir", lambda: os.mkdir(path)
    yield "rmdir", lambda: os.rmdir(path)
    yield "unlink", lambda: os.unlink(path)
    yield "listdir", lambda: sorted(os.listdir(path))
    yield "lstat", lambda: stat.filemode(os.lstat(path).st_mode)
    yield "readlink", lambda: os.readlink(path)
    yield "truncate", lambda: os.truncate(path, 2)
    yield "chmod", lambda: os.chmod(path, 0o740)
    yield "utime", lambda: os.utime(path, ns=(10**18, 10**18 + 7), follow_symlinks=False)
    yield "mkfifo", lambda: os.mkfifo(path)
    yield "symlink", lambda: os.symlink("anywhere", path)
    yield "below", lambda: os.mkdir(f"{path}/x")
    yield "slash", lambda: stat.filemode(os.lstat(f"{path}/").st_mode)
    for name, flags in (("rdonly", os.O_RDONLY), ("rdwr", os.O_RDWR), ("trunc", os.O_WRONLY | os.O_TRUNC), ("creat", os.O_CREAT | os.O_RDWR),
                        ("excl", os.O_CREAT | os.O_EXCL | os.O_RDWR), ("folder", os.O_DIRECTORY), ("nofollow", os.O_NOFOLLOW),
                        ("creatfolder", os.O_CREAT | os.O_NOFOLLOW | os.O_WRONLY)):
        yield f"open {name}", lambda flags=flags: opened(path, flags)
    yield "rename", lambda: os.rename(path, other)
    yield "noreplace", lambda: renameat2(path, other, NOREPLACE)
    yield "exchange", lambda: renameat2(path, other, EXCHANGE)
    yield "link", lambda: os.link(path, other, follow_symlinks=False)
    yield "into itself", lambda: os.rename(path, f"{path}/x")
    yield "xattr", lambda: (os.setxattr(path, "user.x", b"v", follow_symlinks=False), os.getxattr(path, "user.x", follow_symlinks=False))


def outcome(call):
    try:
        return repr(call())
    except OSError as error:
        return errno.errorcode[error.errno]


def tree(folder):
    found = []
    for path, folders, files in os.walk(folder):
        for name in sorted(folders + files):
            whole = os.path.join(path, name)
            status = os.lstat(whole)
            found.append((os.path.relpath(whole, folder), stat.filemode(status.st_mode), status.st_nlink if not stat.S_ISDIR(status.st_mode) else 0,
                          os.readlink(whole) if stat.S_ISLNK(status.st_mode) else status.st_size if stat.S_ISREG(status.st_mode) else 0))
    return sorted(found)


def run_matrix(folder):
    """What each call gives for each kind of thing, and what is left of it."""
    results = {}
    for kind in KINDS:
        for other in KINDS:
            names = [name for name, _ in calls("", "")]
            for number, name in enumerate(names):
                # What has one path is tried once for each kind.
                if other != "missing" and name not in ("rename", "noreplace", "exchange", "link"):
                    continue
                # Modes are set through an opened descriptor only, and a pipe is not opened (src/share/attribute_changes.cc).
                if (kind, name) == ("pipe", "chmod"):
                    continue
                here = os.path.join(folder, f"{kind}-{other}-{number}")
                os.mkdir(here)
                put(f"{here}/target", b"target")
                make(f"{here}/a", kind)
                make(f"{here}/b", other)
                result = outcome(list(calls(f"{here}/a", f"{here}/b"))[number][1])
                results[kind, other, name] = (result, tree(here))
    return results


@case(image=None, timeout=300)
def share_calls_give_what_they_give_natively(host):
    native, shared = folder_of(host, "native"), folder_of(host)
    with mounted(host, shared, mode="rw") as there:
        expected = run_matrix(native)
        found = run_matrix(there.path)
        for key, value in expected.items():
            equal(found[key], value, f"{key}")
        equal(tree(shared), tree(native), "what is left on the host")


def unusual(folder):
    results = []
    for name in (b"a\nb", b"\xff\xfe", b"\x01", b" ", b"-", "é".encode(), "é".encode(), b"n" * 255, b"n" * 256, b"*", b"\\", b"a:b"):
        path = os.path.join(os.fsencode(folder), name)
        results.append((name, errno_of(put, path, name)))
        results.append((name, get(path) if results[-1][1] == 0 else None))
    results.append(sorted(os.listdir(os.fsencode(folder))))
    here = os.getcwd()
    try:
        os.chdir(folder)
        for _ in range(300):
            os.mkdir("deeper-and-deeper")
            os.chdir("deeper-and-deeper")
        put("./file", b"deep")
        results.append(get("./file"))
    finally:
        os.chdir(here)
    return results


@case(image=None)
def share_takes_unusual_names_and_depths(host):
    native, shared = folder_of(host, "native"), folder_of(host)
    with mounted(host, shared, mode="rw") as there:
        equal(unusual(there.path), unusual(native), "what came of unusual names")
    with mounted(host, shared) as there:
        done = subprocess.run(["diff", "-r", "--no-dereference", "--exclude=deeper-and-deeper", native, there.path], capture_output=True, check=False)
        equal((done.returncode, done.stdout, done.stderr), (0, b"", b""), "the differences, read only")


# The host's side


@case(image=None)
def share_shows_changes_of_the_host(host):
    shared = folder_of(host)
    put(f"{shared}/folder/file", b"first")
    with mounted(host, shared) as there:
        file = f"{there.path}/folder/file"
        equal(get(file), b"first", "the content")
        equal(errno_of(os.stat, f"{there.path}/folder/new"), errno.ENOENT, "what is not there yet")
        equal(os.listdir(f"{there.path}/folder"), ["file"], "the names")
        put(f"{shared}/folder/file", b"second, longer")
        put(f"{shared}/folder/new", b"")
        wait_until(lambda: get(file) == b"second, longer", "the new content")
        wait_until(lambda: errno_of(os.stat, f"{there.path}/folder/new") == 0, "the new file")
        wait_until(lambda: sorted(os.listdir(f"{there.path}/folder")) == ["file", "new"], "the new name")
        put(f"{shared}/folder/other", b"replaced")
        os.rename(f"{shared}/folder/other", f"{shared}/folder/file")
        wait_until(lambda: get(file) == b"replaced", "the file that was moved there")
        os.chmod(f"{shared}/folder/file", 0o600)
        wait_until(lambda: os.stat(file).st_mode & 0o777 == 0o600, "the new mode")
        os.rename(f"{shared}/folder", f"{shared}/moved")
        wait_until(lambda: errno_of(os.stat, file) == errno.ENOENT, "that the folder is gone")
        equal(get(f"{there.path}/moved/file"), b"replaced", "the content in the moved folder")


@case(image=None, timeout=300)
def share_never_follows_a_link_that_is_swapped_in(host):
    """The host swaps a folder with a link to one outside, and a file with one, while the guest opens them."""
    shared, outside = folder_of(host), folder_of(host, "outside")
    put(f"{outside}/file", b"outside")
    put(f"{shared}/swapped/file", b"inside")
    put(f"{shared}/plain", b"inside")
    os.symlink(outside, f"{shared}/link")
    os.symlink(f"{outside}/file", f"{shared}/plainlink")
    with mounted(host, shared, mode="rw") as there:
        done = threading.Event()

        def swap():
            while not done.is_set():
                renameat2(f"{shared}/swapped", f"{shared}/link", EXCHANGE)
                renameat2(f"{shared}/plain", f"{shared}/plainlink", EXCHANGE)

        swapping = threading.Thread(target=swap)
        swapping.start()
        try:
            inside = 0
            for _ in range(4000):
                for path in (f"{there.path}/swapped", f"{there.path}/plain"):
                    try:
                        # The guest's kernel itself must not follow either: that would be this machine's link, not the server's doing.
                        opened_file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
                    except OSError:
                        continue
                    try:
                        if stat.S_ISDIR(os.fstat(opened_file).st_mode):
                            below = os.open("file", os.O_RDONLY | os.O_NOFOLLOW, dir_fd=opened_file)
                            content = os.read(below, 100)
                            os.close(below)
                        else:
                            content = os.read(opened_file, 100)
                        equal(content, b"inside", "what was read")
                        inside += 1
                    except OSError:
                        pass
                    finally:
                        os.close(opened_file)
        finally:
            done.set()
            swapping.join()
        true(inside > 0, "nothing was read at all")
        equal(get(f"{outside}/file"), b"outside", "the file outside")


@case(image=None)
def share_hides_what_is_masked(host):
    shared = folder_of(host)
    put(f"{shared}/.env", b"secret")
    put(f"{shared}/folder/KEY.pem", b"secret")
    put(f"{shared}/.ssh/id", b"secret")
    put(f"{shared}/shown", b"shown")
    os.link(f"{shared}/.env", f"{shared}/alias")
    os.link(f"{shared}/.ssh/id", f"{shared}/folder/alias")
    for mode in ("ro", "rw"):
        with mounted(host, shared, mode=mode, masks=[".env*", "*.pem", ".ssh"]) as there:
            found = sorted(name for _, folders, files in os.walk(there.path) for name in folders + files)
            equal(found, ["folder", "shown"], f"the names, {mode}")
            for name in (".env", ".ENV", "folder/KEY.pem", "folder/key.PEM", ".ssh", ".ssh/id", "alias", "folder/alias"):
                equal(errno_of(os.stat, f"{there.path}/{name}"), errno.ENOENT, f"the errno of {name}, {mode}")
            os.rename(f"{shared}/.env", f"{shared}/moved")
            wait_until(lambda: errno_of(os.stat, f"{there.path}/moved") == errno.ENOENT, "that the moved one is absent")
            os.rename(f"{shared}/moved", f"{shared}/.env")
            if mode == "rw":
                for call in (lambda: put(f"{there.path}/.env.new"), lambda: os.rename(f"{there.path}/shown", f"{there.path}/.env"),
                             lambda: os.mkdir(f"{there.path}/.SSH"), lambda: os.link(f"{there.path}/shown", f"{there.path}/x.pem")):
                    equal(errno_of(call), errno.EPERM, "the errno of making a masked name")
    equal(get(f"{shared}/.env"), b"secret", "the masked file")


@case(image=None)
def share_is_behind_a_wall(host):
    shared = folder_of(host)
    put(f"{shared}/file", b"text")
    with mounted(host, shared, mode="rw") as there:
        equal(get(f"{there.path}/file"), b"text", "the content")
        with open(f"/proc/{there.process.pid}/status", encoding="ascii") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            equal(int(status[name], 16), 0, name)
        equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), "no_new_privs and seccomp")
        # What another user owns on the host is not the guest's, root's neither.
        put(f"{shared}/foreign", b"text")
        os.chmod(f"{shared}/foreign", 0o600)
        os.chown(f"{shared}/foreign", 65534, 65534)
        equal(errno_of(get, f"{there.path}/foreign"), errno.EACCES, "the errno of another user's file")
    equal(there.process.returncode in (0, -signal.SIGTERM), True, f"the exit code {there.process.returncode}: {there.said()}")


@case(image=None)
def share_of_a_single_file(host):
    path = os.path.join(host.home, "single")
    put(path, b"text")
    with mounted(host, path, mode="rw") as there:
        equal(get(there.path), b"text", "the content")
        with open(there.path, "r+b") as file:
            file.write(b"T")
        equal(get(path), b"Text", "the content on the host")
        put(path, b"from the host")
        wait_until(lambda: get(there.path) == b"from the host", "the host's content")
    with mounted(host, path) as there:
        equal(errno_of(lambda: open(there.path, "r+b").close()), errno.EROFS, "the errno of writing")


@case(image=None, timeout=300)
def share_reads_large_folders_with_few_descriptors(host):
    shared = folder_of(host)
    for number in range(5000):
        put(f"{shared}/folder{number % 50}/file{number}", str(number).encode())
    with mounted(host, shared, limit=256) as there:
        names = [os.path.join(path, name) for path, _, files in os.walk(there.path) for name in files]
        equal(len(names), 5000, "the number of files")
        random.Random(1).shuffle(names)
        digest = hashlib.sha256()
        for name in names:
            content = get(name)
            equal(content, os.path.basename(name)[4:].encode(), f"the content of {name}")
            digest.update(content)
        true(len(os.listdir(f"/proc/{there.process.pid}/fd")) <= 256, "more descriptors than allowed")


@case(image=None)
def share_says_what_is_wrong(host):
    done = subprocess.run([program(host)], capture_output=True, check=False)
    equal((done.returncode, done.stderr), (1, b"caisson-share: caisson-share is run by a sandbox's keeper\n"), "without options")
    for words, text in (("{}", "'mode'"), ('{"mode":"xx","masks":[],"unmask":[],"own":[],"started_ns":0}', "'xx'"), ("[]", "options"),
                        ('{"mode":"ro","masks":[],"unmask":[],"own":[],"started_ns":0,"more":1}', "'more'")):
        done = subprocess.run([program(host), words], capture_output=True, check=False)
        true(done.returncode == 1 and text in done.stderr.decode(), f"{words}: {done.stderr}")
