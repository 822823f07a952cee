# SPDX-License-Identifier: Apache-2.0
"""caisson-share as a file system of this machine's kernel (fuse_mount.py): what files hold, and locks on them."""

import errno
import fcntl
import mmap
import os
import random
import signal
import sqlite3
import subprocess

from fuse_mount import KEEP_SIZE, PUNCH_HOLE, errno_of, fallocate, folder_of, get, mounted, put
from harness import case, equal, fail, true


@case(image=None)
def share_knows_holes(host):
    shared = folder_of(host)
    with mounted(host, shared, mode="rw") as there:
        path = f"{there.path}/sparse"
        file = os.open(path, os.O_RDWR | os.O_CREAT)
        ten = 10 << 30
        os.ftruncate(file, ten)
        os.pwrite(file, b"middle", 5 << 30)
        os.fsync(file)
        equal(os.lseek(file, 0, os.SEEK_DATA), 5 << 30, "where data begins")
        hole = os.lseek(file, 5 << 30, os.SEEK_HOLE)
        true((5 << 30) < hole <= (5 << 30) + (1 << 20), f"the hole begins at {hole}")
        equal(errno_of(os.lseek, file, hole, os.SEEK_DATA), errno.ENXIO, "data behind the last")
        true(os.stat(f"{shared}/sparse").st_blocks * 512 < 1 << 21, "the file has blocks for its holes")
        os.posix_fallocate(file, 0, 1 << 20)
        fallocate(file, PUNCH_HOLE | KEEP_SIZE, 5 << 30, 4096)
        equal(os.pread(file, 6, 5 << 30), b"\0" * 6, "what was punched")
        equal(os.stat(f"{shared}/sparse").st_size, ten, "the size on the host")
        os.close(file)


def one_step(random_source, state):
    """An operation of fsx's: the file and the model do the same."""
    file, model, mapping_bytes = state
    size = len(model)
    kind = random_source.choice(("write", "write", "read", "read", "truncate", "map write", "map read", "punch", "copy", "sync"))
    at = random_source.randrange(0, mapping_bytes)
    length = random_source.randrange(1, 20000)
    data = random_source.randbytes(length)
    if kind == "write":
        os.pwrite(file, data, at)
        if size < at + length:
            model.extend(b"\0" * (at + length - size))
        model[at:at + length] = data
    elif kind == "read":
        equal(os.pread(file, length, at), bytes(model[at:at + length]), f"a read of {length} at {at}")
    elif kind == "truncate":
        os.ftruncate(file, at)
        del model[at:]
        model.extend(b"\0" * (at - len(model)))
    elif kind.startswith("map") and size > 0:
        with mmap.mmap(file, size) as mapping:
            at = at % size
            data = data[:size - at]
            if kind == "map write":
                mapping[at:at + len(data)] = data
                model[at:at + len(data)] = data
                mapping.flush()
            else:
                equal(mapping[at:at + length], bytes(model[at:at + length]), "a mapped read")
    elif kind == "punch" and size > 0:
        fallocate(file, PUNCH_HOLE | KEEP_SIZE, at, length)
        end = min(size, at + length)
        if at < end:
            model[at:end] = b"\0" * (end - at)
    elif kind == "copy" and size > 2 * length:
        source = random_source.randrange(0, size - length)
        target = random_source.randrange(0, size - length)
        if abs(source - target) >= length:
            copied = os.copy_file_range(file, file, length, source, target)
            model[target:target + copied] = model[source:source + copied]
    elif kind == "sync":
        os.fsync(file)


@case(image=None, timeout=600)
def share_keeps_content_through_random_operations(host):
    shared = folder_of(host)
    with mounted(host, shared, mode="rw") as there:
        for seed in range(4):
            source = random.Random(seed)
            path = f"{there.path}/file{seed}"
            model = bytearray()
            file = os.open(path, os.O_RDWR | os.O_CREAT)
            for step in range(1500):
                try:
                    one_step(source, (file, model, 1 << 18))
                except OSError as error:
                    fail(f"seed {seed}, step {step}: {error}")
                if step % 200 == 199:
                    os.close(file)
                    equal(get(path), bytes(model), f"seed {seed}: the content after {step} steps")
                    file = os.open(path, os.O_RDWR)
            os.close(file)
            equal(get(f"{shared}/file{seed}"), bytes(model), f"seed {seed}: the content on the host")


def write_rows(path, name, count):
    # `timeout` is SQLite's own waiting for a lock; in autocommit mode each INSERT is a transaction.
    with sqlite3.connect(path, timeout=120, isolation_level=None) as connection:
        for number in range(count):
            connection.execute("BEGIN IMMEDIATE")
            last = connection.execute("SELECT value FROM counter").fetchone()[0]
            connection.execute("UPDATE counter SET value = ?", (last + 1,))
            connection.execute("INSERT INTO row (writer, number) VALUES (?, ?)", (name, number))
            connection.execute("COMMIT")


def write_in_process(path, name, count):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            write_rows(path, name, count)
            code = 0
        finally:
            os._exit(code)
    return pid


@case(image=None, timeout=600)
def share_has_databases_with_two_writers(host):
    """Record locks and content hold together: with a writer on the host and one in the mount; in WAL mode with two in the mount."""
    shared = folder_of(host)
    with mounted(host, shared, mode="rw") as there:
        for journal, first, second in (("DELETE", shared, there.path), ("WAL", there.path, there.path)):
            name = f"{journal}.db"
            with sqlite3.connect(f"{first}/{name}") as connection:
                connection.execute(f"PRAGMA journal_mode={journal}")
                connection.execute("CREATE TABLE counter (value)")
                connection.execute("CREATE TABLE row (writer, number)")
                connection.execute("INSERT INTO counter VALUES (0)")
            connection.close()
            pids = [write_in_process(f"{folder}/{name}", writer, 100) for folder, writer in ((first, "first"), (second, "second"))]
            codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
            equal(codes, [0, 0], f"the writers' exit codes, {journal}")
            with sqlite3.connect(f"{second}/{name}") as connection:
                equal(connection.execute("SELECT value FROM counter").fetchone()[0], 200, f"the counter, {journal}")
                equal(connection.execute("SELECT count(*) FROM row").fetchone()[0], 200, f"the rows, {journal}")
                equal(connection.execute("PRAGMA integrity_check").fetchone()[0], "ok", f"the integrity, {journal}")
            connection.close()


@case(image=None)
def share_locks_hold_against_the_host(host):
    shared = folder_of(host)
    put(f"{shared}/file", b"0123456789")
    with mounted(host, shared, mode="rw") as there:
        inside, outside = open(f"{there.path}/file", "r+b"), open(f"{shared}/file", "r+b")
        with inside, outside:
            for take, give, busy in ((lambda f: fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB), lambda f: fcntl.flock(f, fcntl.LOCK_UN), errno.EAGAIN),
                                     (lambda f: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB), lambda f: fcntl.lockf(f, fcntl.LOCK_UN), errno.EAGAIN)):
                for one, other in ((inside, outside), (outside, inside)):
                    take(one)
                    equal(errno_of(take, other), busy, "the errno of who comes second")
                    give(one)
                    take(other)
                    give(other)
        # A wait that a signal ends.
        with open(f"{shared}/file", "r+b") as outside:
            fcntl.flock(outside, fcntl.LOCK_EX)
            waiting = subprocess.Popen(["flock", f"{there.path}/file", "true"])
            host.started.append(waiting)
            waiting.send_signal(signal.SIGTERM)
            equal(waiting.wait(timeout=60), -signal.SIGTERM, "how the waiter ended")
            later = subprocess.Popen(["flock", f"{there.path}/file", "true"])
            host.started.append(later)
            fcntl.flock(outside, fcntl.LOCK_UN)
            equal(later.wait(timeout=60), 0, "how the one that waited on ended")


GIT_CONFIG = "[safe]\ndirectory = *\n[user]\nname = A\nemail = a@example.com\n[init]\ndefaultBranch = main\n"


def git(host, folder, *words):
    done = subprocess.run(["git", "-C", folder, *words], capture_output=True, env={**host.environment, "GIT_CONFIG_NOSYSTEM": "1"},
                          check=False)
    equal(done.returncode, 0, f"git {' '.join(words)}: {done.stderr.decode()[-1000:]}")
    return done.stdout.decode()


@case(image=None, timeout=600)
def share_is_a_work_tree_for_git(host):
    shared = folder_of(host)
    put(f"{host.home}/.gitconfig", GIT_CONFIG.encode())
    with mounted(host, shared, mode="rw") as there:
        work = f"{there.path}/work"
        os.mkdir(work)
        git(host, work, "init", "-q")
        for number in range(300):
            put(f"{work}/folder{number % 17}/file{number}", f"{number}\n".encode() * 50)
        git(host, work, "add", ".")
        git(host, work, "commit", "-qm", "first")
        git(host, work, "checkout", "-qb", "side")
        put(f"{work}/folder1/file1", b"side\n")
        git(host, work, "commit", "-qam", "second")
        git(host, work, "checkout", "-q", "main")
        put(f"{work}/folder2/file2", b"main\n")
        git(host, work, "commit", "-qam", "third")
        git(host, work, "rebase", "-q", "main", "side")
        equal(git(host, work, "status", "--porcelain"), "", "the status")
        git(host, work, "gc", "-q", "--aggressive", "--prune=now")
        git(host, work, "fsck", "--strict")
        git(host, there.path, "clone", "-q", "work", "copy")
        git(host, f"{there.path}/copy", "worktree", "add", "-q", "--detach", "../tree", "HEAD~1")
        equal(git(host, f"{shared}/copy", "status", "--porcelain"), "", "the status on the host")
        git(host, f"{shared}/copy", "fsck", "--strict")
