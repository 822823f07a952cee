# SPDX-License-Identifier: Apache-2.0
"""stdin, stdout and stderr that are closed or cannot be written: nothing hangs, and nothing that was lost goes with exit code 0."""

import subprocess

from harness import case, equal, true


def redirected(host, redirection, *arguments):
    """By a shell, as its user writes it."""
    argv = ["sh", "-c", f'exec "$@" {redirection}', "sh", host.binary, *arguments]
    return subprocess.run(argv, capture_output=True, text=True, env=host.environment, cwd=host.home, timeout=120, stdin=subprocess.DEVNULL)


@case()
def closed_standard_streams_are_not_taken_for_the_sandboxs(host):
    name = host.name("closed")
    host.caisson("run", "-d", "--image", "tiny", "--name", name).expect()
    done = redirected(host, "<&-", "exec", name, "--", "wc", "-c")
    equal((done.returncode, done.stdout), (0, "0\n"), f"with stdin closed ({done.stderr!r})")
    done = redirected(host, "<&- 2>&-", "exec", name, "--", "echo", "up")
    equal((done.returncode, done.stdout), (0, "up\n"), "with stdin and stderr closed")
    done = redirected(host, ">&-", "exec", name, "--", "echo", "up")
    equal((done.returncode, done.stderr), (125, "caisson: cannot write the command's output to stdout: Bad file descriptor\n"),
          "with stdout closed")
    done = redirected(host, ">&- 2>&-", "exec", name, "--", "true")
    equal(done.returncode, 0, "with both closed and nothing to write")
    host.caisson("rm", "-f", name).expect()


@case()
def what_cannot_be_printed_is_an_error(host):
    name = host.name("full")
    host.caisson("run", "--keep", "--image", "tiny", "--name", name, "--", "echo", "hello").expect()
    lost = "caisson: cannot write to stdout: No space left on device\n"
    for command in ("--help", "run --help", "version", "version --json", "ls", "ls --json", f"inspect {name}", "image ls", "doctor",
                    "doctor --json", "completion bash", f"policy ls {name}"):
        done = redirected(host, ">/dev/full", *command.split())
        equal(done.returncode, 125, f"{command}: exit code ({done.stderr!r})")
        true(done.stderr.endswith(lost), f"{command}: stderr: {done.stderr!r}")
    done = redirected(host, ">/dev/full", "logs", name)
    equal((done.returncode, done.stderr), (125, "caisson: cannot write 'stdout': No space left on device\n"), "logs")
    # A closed one loses it as well; where nothing is printed, nothing is lost.
    equal(redirected(host, ">&-", "ls").returncode, 125, "ls with stdout closed")
    equal(redirected(host, ">&- 2>/dev/full", "frobnicate").returncode, 125, "an error that cannot be told")
    host.caisson("rm", name).expect()
