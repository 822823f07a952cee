# SPDX-License-Identifier: Apache-2.0
"""What the host does to a workspace meanwhile: files that it removes, its git, its folders; and looks that remove nothing."""

import os
import signal
import subprocess

from cases_changes import TINY, changed, project
from harness import case, equal, read, true, wait_until, write


@case()
def what_the_host_removed_meanwhile_does_not_come_back(host):
    """D4. In place, and as an editor does it; a file whose type is another; a path that is nowhere."""
    folder = project(host)
    write(f"{folder}/other", "other\n")
    _, name = changed(host, "echo sandbox >>readme; echo new >x; mv x other; echo more >>src/main.c")
    os.unlink(f"{folder}/readme")
    os.unlink(f"{folder}/other")
    os.unlink(f"{folder}/src/main.c")
    os.mkdir(f"{folder}/src/main.c")
    host.caisson("apply", name).expect(125, out="", err_has=[
        "readme  (was removed on the host)", "other  (was removed on the host)", "main.c  (became a folder on the host)",
        "+sandbox", "3 of its files", "--theirs", "--ours"])
    host.caisson("apply", name, "--ours").expect()
    true(not os.path.exists(f"{folder}/readme") and os.path.isdir(f"{folder}/src/main.c"), "the host's files came back")
    host.caisson("apply", name, f"{folder}/nowhere").error(125, f"there is no '{folder}/nowhere'")
    host.caisson("discard", name, f"{folder}/nowhere").error(125, f"there is no '{folder}/nowhere'")
    host.caisson("apply", name, "--theirs").expect()
    equal((read(f"{folder}/readme"), read(f"{folder}/other")), ("hello\nsandbox\n", "new\n"), "after --theirs")


@case()
def a_git_status_on_the_host_is_no_conflict(host):
    """The index that the sandbox writes was made here: its image has no git."""
    folder = project(host)

    def git(*words):
        return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    git("add", "readme", "src")
    git("add", "old")
    os.rename(f"{folder}/.git/index", f"{folder}/staged")
    git("add", "readme", "src")
    _, name = changed(host, "cp staged .git/index; echo more >>readme")
    os.utime(f"{folder}/src/main.c", (1, 1))
    before = open(f"{folder}/.git/index", "rb").read()
    git("status")
    true(open(f"{folder}/.git/index", "rb").read() != before, "git did not write its index anew")
    host.caisson("apply", name, "--yes").expect(err_has="applied to")
    equal(git("ls-files"), "old/data\nreadme\nsrc/main.c\n", "what is in the index")


@case()
def a_look_removes_nothing(host):
    """Of a sandbox whose keeper was killed, what it wrote last may be lost. One that says of no change is not thrown away for that."""
    project(host)
    name = host.name("look")
    client = host.start(*TINY, "--name", name, "--", "sh", "-c", "echo ready; sleep 100000")
    equal(client.stdout.readline(), b"ready\n", "its word")
    os.kill(host.inspect(name)["keeper_pid"], signal.SIGKILL)
    client.wait()
    wait_until(lambda: host.inspect(name)["status"] == "stopped", "its end")
    host.caisson("diff", name).expect(out="", err_has=["starting", "its keeper was killed", "there are no changes"])
    host.caisson("apply", name).expect(err_has="nothing to apply")
    host.caisson("rm", name).expect(out=f"{name}\n", err="")


@case()
def a_folder_that_was_renamed_is_moved_back(host):
    folder = project(host)
    _, name = changed(host, "echo more >>readme")
    os.rename(folder, f"{folder}.renamed")
    for command in ("diff", "apply", "patch"):
        host.caisson(command, name, cwd="/").error(125, f"the folder '{folder}' is not there any more", "move it back")
    os.rename(f"{folder}.renamed", folder)
    host.caisson("apply", name, cwd="/").expect(err_has="applied to")
    equal(read(f"{folder}/readme"), "hello\nmore\n", "what was applied")
