# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end cases are written with.

A case is a function in a cases_*.py file:

    @case(image="tiny")
    def exit_code_is_passed_through(host):
        host.caisson("run", "--image", "tiny", "--", "sh", "-c", "exit 3").expect(code=3, out="")

Each case runs in a process of its own (ctest does that: e2e.NAME), in parallel with others, as a `Host`: an empty HOME of its
own with data, config and runtime folders; only the cache of images, kernels and templates is shared (CAISSON_TEST_CACHE),
unless the case asks for `own_cache`. At its end nothing of that Host may be left: no process, mount, cgroup, sandbox or socket.
"""

import contextlib
import dataclasses
import functools
import json
import os
import pty
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import leftovers
import testnet

CASES = {}


@dataclasses.dataclass
class Case:
    name: str
    function: object
    image: str
    own_cache: bool
    timeout: int
    processors: int
    labels: tuple
    network: bool = False
    may_skip: str = ""
    fetch: object = None


def case(image="tiny", own_cache=False, timeout=300, processors=1, labels=(), network=False, may_skip="", fetch=None):
    """image: "tiny" (busybox), "base" (Debian with Docker) or None: what has to be in the shared cache before.
    network: it runs in a network namespace of its own, with an Internet in it (host.network, testnet.py); needs root.
    may_skip: why the continuous integration may do without the case; it takes every other skip for a failure.
    fetch: fetch(cache) runs on the machine's network before the case has its own; its value is host.fetched."""

    def register(function):
        if function.__name__ in CASES:
            raise SystemExit(f"two cases are named {function.__name__}")
        CASES[function.__name__] = Case(function.__name__, function, image, own_cache, timeout, processors, tuple(labels), network,
                                         may_skip, fetch)
        return function

    return register


class Failed(Exception):
    pass


class Skipped(Exception):
    """Raised with the reason by a case that cannot run here."""


def fail(message):
    raise Failed(message)


def equal(actual, expected, what="value"):
    if actual != expected:
        fail(f"{what}: expected {expected!r}, got {actual!r}")


def true(condition, message):
    if not condition:
        fail(message)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text="", mode=None):
    """A file of the case's, with the folders above it; its path."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    if mode is not None:
        os.chmod(path, mode)
    return path


def wait_until(condition, what, seconds=30):
    """Polls for a state of the world that gives no event to wait for; its value when it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    fail(f"waited {seconds} s in vain: {what}")


class Result:
    """A finished command."""

    def __init__(self, argv, code, out, err, seconds):
        self.argv, self.code, self.raw, self.err, self.seconds = argv, code, out, err, seconds

    @functools.cached_property
    def out(self):
        return self.raw.decode(errors="backslashreplace")

    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            self._fail("stdout is not JSON")

    def _fail(self, why):
        fail(f"{why}\n  command: {' '.join(self.argv)}\n  exit code: {self.code}\n  stdout: {self.out[-2000:]!r}\n"
             f"  stderr: {self.err[-4000:]!r}")

    def expect(self, code=0, out=None, err=None, out_has=None, err_has=None, err_lacks=None):
        """out and err exactly; *_has: one or more texts that are in it (or a compiled pattern that matches)."""
        if self.code != code:
            self._fail(f"expected exit code {code}")
        if out is not None and self.out != out:
            self._fail(f"expected stdout {out!r}")
        if err is not None and self.err != err:
            self._fail(f"expected stderr {err!r}")
        for wanted, text, name in ((out_has, self.out, "stdout"), (err_has, self.err, "stderr")):
            for one in [wanted] if isinstance(wanted, (str, re.Pattern)) else wanted or []:
                if not (one.search(text) if isinstance(one, re.Pattern) else one in text):
                    self._fail(f"expected {one!r} in {name}")
        if err_lacks is not None and err_lacks in self.err:
            self._fail(f"did not expect {err_lacks!r} in stderr")
        return self

    def error(self, code, *texts, after=()):
        """One of our own errors: that exit code, nothing on stdout, one line `caisson: …` with all the texts in it, behind the lines
        of progress `after`."""
        self.expect(code=code, out="")
        lines = [line for line in self.err.splitlines() if line.startswith("caisson: ")]
        steps = [f"caisson: {step}" for step in after]
        if lines[:-1] != steps:
            self._fail(f"expected one line that begins with 'caisson: ' behind {steps}")
        for text in texts:
            if text not in lines[-1]:
                self._fail(f"expected {text!r} in the error")
        return self


class Host:
    """A user's machine: HOME and all that Caisson keeps below it."""

    def __init__(self, the_case, binary, shared_cache):
        if the_case.network and os.geteuid() != 0:
            raise Skipped("a network of its own needs root")
        self.binary = binary
        self.network = testnet.TestNet() if the_case.network else None
        # Short, because unix socket paths are; outside of the source tree, because a user's HOME is.
        self.home = tempfile.mkdtemp(prefix="caisson-e2e.", dir="/tmp")
        self.cache = os.path.join(self.home, "cache") if the_case.own_cache else shared_cache
        # Where commands are run: HOME itself is not shared with a sandbox unasked.
        self.work = os.path.join(self.home, "work")
        os.mkdir(self.work)
        self.runtime = os.path.join(self.home, "run")
        self.data = os.path.join(self.home, "data")
        os.mkdir(self.runtime, 0o700)
        self.environment = {
            "HOME": self.home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "xterm", "USER": os.environ.get("USER", "root"),
            "XDG_CACHE_HOME": self.cache, "XDG_DATA_HOME": self.data, "XDG_CONFIG_HOME": os.path.join(self.home, "config"),
            "XDG_RUNTIME_DIR": self.runtime, "TMPDIR": "/tmp",
        }
        self.started = []
        self.fetched = None

    def name(self, label):
        """A sandbox name that no other test uses, so that what is left of it can be told from theirs."""
        return f"{label}-{self.home.rpartition('.')[2]}"

    # Running

    def _argv(self, arguments):
        return [self.binary, *map(str, arguments)]

    def caisson(self, *arguments, stdin=b"", env=None, timeout=240, cwd=None):
        """Runs to the end, in the folder `work` unless told. stdin: bytes, or None for /dev/null, or a file."""
        argv = self._argv(arguments)
        source = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin if stdin is not None else subprocess.DEVNULL}
        begin = time.monotonic()
        try:
            done = subprocess.run(argv, capture_output=True, env={**self.environment, **(env or {})}, cwd=cwd or self.work,
                                  timeout=timeout, **source)
        except subprocess.TimeoutExpired as late:
            fail(f"did not end within {timeout} s: {' '.join(argv)}\n  stdout: {(late.stdout or b'')[-2000:]!r}\n"
                 f"  stderr: {(late.stderr or b'')[-2000:]!r}")
        code = done.returncode if done.returncode >= 0 else 128 - done.returncode
        return Result(argv, code, done.stdout, done.stderr.decode(errors="backslashreplace"), time.monotonic() - begin)

    def as_user(self, user, *arguments, env=None, timeout=240):
        """Runs to the end as another user (from root; a name, or a number that the system need not know), in the folder
        `work` of a HOME of that user's own below this one."""
        home = os.path.join(self.home, str(user))
        os.chmod(self.home, 0o711)
        for folder in (home, f"{home}/run", f"{home}/work"):
            os.makedirs(folder, mode=0o700, exist_ok=True)
            shutil.chown(folder, user)
        environment = {**{key: value for key, value in self.environment.items() if not key.startswith("XDG_")}, "HOME": home,
                       "XDG_RUNTIME_DIR": f"{home}/run", "USER": str(user), **(env or {})}
        # The build tree may be where only root can go.
        programs = os.path.join(self.home, "bin")
        if not os.path.exists(programs):
            shutil.copytree(os.path.dirname(self.binary), programs, ignore=shutil.ignore_patterns("*_test", "*_fuzz"))
        argv = [os.path.join(programs, os.path.basename(self.binary)), *map(str, arguments)]
        done = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, env=environment, cwd=f"{home}/work", timeout=timeout,
                              user=user, group=user if isinstance(user, int) else pwd.getpwnam(user).pw_gid, extra_groups=[])
        return Result(argv, done.returncode, done.stdout, done.stderr.decode(errors="backslashreplace"), 0)

    def start(self, *arguments, stdin=subprocess.PIPE, env=None, new_session=False):
        """Starts it and returns the Popen (pipes, binary); it is killed at the case's end if it still runs."""
        process = subprocess.Popen(self._argv(arguments), stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.work,
                                   env={**self.environment, **(env or {})}, start_new_session=new_session)
        self.started.append(process)
        return process

    def terminal(self, *arguments, env=None):
        """Starts it on a terminal of its own."""
        return Terminal(self, self._argv(arguments), {**self.environment, **(env or {})})

    # Looking

    def sandboxes(self):
        return self.caisson("ls", "--json").expect().json()

    def inspect(self, name):
        return self.caisson("inspect", "--json", name).expect().json()[0]

    def folder(self, name):
        return os.path.join(self.data, "caisson", "sandboxes", name)

    # The end

    def kill_all(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()

    def check_nothing_left(self):
        problems = leftovers.settle(self.home, self.runtime, self.data)
        if problems:
            fail("left behind:\n  " + "\n  ".join(problems))

    def remove(self):
        if self.network:
            self.network.close()
        leftovers.kill_processes(self.home)
        leftovers.unmount(self.home)
        shutil.rmtree(self.home, ignore_errors=True)


class Terminal:
    """A command on a pseudo-terminal."""

    def __init__(self, host, argv, environment, rows=24, columns=80):
        self.argv = argv
        self.seen = b""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.chdir(host.work)
            os.execve(argv[0], argv, environment)
        self.resize(rows, columns)
        self.code = None

    def resize(self, rows, columns):
        import fcntl
        import struct
        import termios
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, data):
        os.write(self.master, data if isinstance(data, bytes) else data.encode())

    def read_until(self, pattern, seconds=60):
        """Waits for a regular expression in what came since the last match; returns the match."""
        end = time.monotonic() + seconds
        wanted = re.compile(pattern.encode() if isinstance(pattern, str) else pattern)
        while True:
            match = wanted.search(self.seen)
            if match:
                self.seen = self.seen[match.end():]
                return match
            left = end - time.monotonic()
            if left <= 0 or not self._read(left):
                fail(f"{pattern!r} did not come: {' '.join(self.argv)}\n  seen: {self.seen[-2000:]!r}")

    def _read(self, seconds):
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:  # EIO: the other end was closed
            return False
        self.seen += data
        return bool(data)

    def wait(self, seconds=60):
        """The exit code, after its output ended."""
        end = time.monotonic() + seconds
        while self._read(max(0, end - time.monotonic())):
            pass
        if time.monotonic() >= end:
            os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.master)
        self.code = os.waitstatus_to_exitcode(status)
        return self.code


def run_case(the_case, binary, shared_cache):
    if not the_case.network:
        return _run_case(the_case, binary, shared_cache)
    # In a process of its own, with which its namespaces go.
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = _run_case(the_case, binary, shared_cache)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _run_case(the_case, binary, shared_cache):
    host = None
    try:
        fetched = the_case.fetch(shared_cache) if the_case.fetch else None
        host = Host(the_case, binary, shared_cache)
        host.fetched = fetched
        the_case.function(host)
        host.kill_all()
        host.check_nothing_left()
        return 0
    except Skipped as skipped:
        if os.environ.get("CI") == "true" and not the_case.may_skip:
            print(f"FAILED {the_case.name}: skipped ({skipped}), which CI must not", file=sys.stderr)
            return 1
        print(f"skipped: {skipped}")
        return 77
    except Failed as failed:
        print(f"FAILED {the_case.name}: {failed}", file=sys.stderr)
        _print_logs(host)
        return 1
    except Exception:
        traceback.print_exc()
        _print_logs(host)
        return 1
    finally:
        if host:
            host.kill_all()
            host.remove()


def _print_logs(host):
    if host:
        leftovers.print_logs(host.data)
