# SPDX-License-Identifier: Apache-2.0
"""What a sandbox has changed in a workspace is looked at, applied whole, or thrown away; and it is never lost in passing."""

import os
import re
import shlex
import signal
import subprocess

from harness import case, equal, read, true, wait_until, write

TINY = ("run", "--image", "tiny")
NOTE = re.compile(r"caisson: (.*): `caisson diff (\S+)`, `caisson apply \S+`, `caisson discard \S+`\n")


def project(host):
    write(f"{host.work}/readme", "hello\n")
    write(f"{host.work}/src/main.c", "int main(void) { return 0; }\n")
    write(f"{host.work}/old/data", "data\n")
    return host.work


def files(folder):
    found = {}
    for place, folders, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            found[os.path.relpath(path, folder)] = os.readlink(path) if os.path.islink(path) else read(path)
        for name in folders:
            found[os.path.relpath(os.path.join(place, name), folder) + "/"] = None
    return found


def changed(host, script, *options):
    """Runs a script that changes something; the words at its end, and the sandbox's name."""
    result = host.caisson(*TINY, *options, "--", "sh", "-c", script).expect()
    found = NOTE.search(result.err)
    true(found, f"the end of the run says nothing of changes: {result.err!r}")
    return found.group(1), found.group(2)


@case()
def a_run_says_what_it_changed_and_apply_takes_it_over(host):
    folder = project(host)
    before = files(folder)
    words, name = changed(host, "echo more >>readme; mv old new; rm src/main.c; echo x >src/x; mkdir -p a/b; echo y >a/b/c")
    equal(words, "1 file changed, 3 added, 2 removed", "the end's words")
    equal(files(folder), before, "the host's folder before the apply")
    diff = host.caisson("diff", name).expect(err="").out
    for line in ("+more", "rename from old/data", "rename to new/data", "deleted file mode 100644", "+++ b/a/b/c"):
        true(line in diff, f"{line!r} is not in the diff: {diff}")
    host.caisson("diff", "--name-only").expect(out="A\ta/\nA\ta/b/\nA\ta/b/c\nA\tnew/\nA\tnew/data\nD\told/\nD\told/data\nM\treadme\nD\tsrc/main.c\nA\tsrc/x\n",
                                                err=f"caisson: of '{name}'\n")
    host.caisson("apply", name, "--dry-run").expect(err_has="would apply")
    equal(files(folder), before, "the host's folder after a dry run")
    host.caisson("apply", name).expect(err_has=["applied to", f"removed '{name}'"])
    equal(files(folder), {"a/": None, "a/b/": None, "a/b/c": "y\n", "new/": None, "new/data": "data\n", "readme": "hello\nmore\n", "src/": None,
                          "src/x": "x\n"}, "the host's folder after the apply")


@case()
def a_run_that_changes_nothing_goes_away(host):
    project(host)
    host.caisson(*TINY, "--", "sh", "-c", "cat readme; touch readme; echo x >y; rm y").expect(out="hello\n", err="")
    equal(host.sandboxes(), [], "the sandboxes")


@case()
def changes_are_not_removed_in_passing(host):
    project(host)
    _, name = changed(host, "echo more >>readme")
    host.caisson("rm", name).error(125, "1 file changed", "rm --force")
    host.caisson("discard", name).expect(err_has=f"removed '{name}'")
    equal(host.sandboxes(), [], "the sandboxes")
    _, name = changed(host, "echo more >>readme")
    host.caisson("rm", "--force", name).expect()
    equal(read(f"{host.work}/readme"), "hello\n", "the host's file")


@case()
def what_the_host_changed_meanwhile_is_not_overwritten(host):
    folder = project(host)
    _, name = changed(host, "echo sandbox >>readme; echo x >new")
    write(f"{folder}/readme", "host\n")
    host.caisson("apply", name).expect(125, out="", err_has=["changed on the host", "+sandbox", "-host", "--theirs", "--ours"])
    equal(read(f"{folder}/readme"), "host\n", "the host's file")
    true(not os.path.exists(f"{folder}/new"), "a part was applied")
    host.caisson("apply", name, "--ours").expect()
    equal((read(f"{folder}/readme"), read(f"{folder}/new")), ("host\n", "x\n"), "after --ours")
    host.caisson("apply", name, "--theirs").expect()
    equal(read(f"{folder}/readme"), "hello\nsandbox\n", "after --theirs")


@case()
def what_the_host_would_run_needs_a_word(host):
    folder = project(host)
    _, name = changed(host, "mkdir -p .git/hooks; echo x >.git/hooks/pre-commit; echo x >.envrc; chmod +x readme; ln -s /etc out; echo s >.env.local")
    host.caisson("apply", name).expect(125, out="", err_has="--allow git --allow agent --allow executable --allow symlink --allow masked")
    equal(sorted(os.listdir(folder)), ["old", "readme", "src"], "the names on the host")
    options = [word for of in ("git", "agent", "executable", "symlink", "masked") for word in ("--allow", of)]
    host.caisson("apply", name, *options).expect()
    true(os.access(f"{folder}/readme", os.X_OK) and os.path.exists(f"{folder}/.git/hooks/pre-commit"), "they were not applied")


@case()
def no_apply_shows_what_is_hidden(host):
    """A file that is hidden for another name of its does not come along with its folder, and is asked for before it goes."""
    folder = project(host)
    write(f"{folder}/.env", "secret\n")
    os.link(f"{folder}/.env", f"{folder}/old/innocent")
    _, name = changed(host, "mv old pub; ls -A pub >seen")
    host.caisson("apply", name).expect(125, out="", err_has=["old/innocent", "--allow masked"])
    host.caisson("apply", name, "--allow", "masked").expect()
    equal(files(folder), {".env": "secret\n", "pub/": None, "pub/data": "data\n", "readme": "hello\n", "seen": "data\n", "src/": None,
                          "src/main.c": "int main(void) { return 0; }\n"}, "the host's folder")


@case()
def an_apply_opens_nothing_to_others(host):
    folder = project(host)
    for path, mode in (("readme", 0o644), ("src", 0o755), ("old/data", 0o4755)):
        os.chmod(f"{folder}/{path}", mode)
    mask = os.umask(0)
    os.umask(mask)
    words, name = changed(host, "chmod 666 readme; chmod 777 src old/data; echo x >src/x; chmod 666 src/x; mkdir n; chmod 777 n")
    equal(words, "2 files added", "the end's words")
    host.caisson("apply", name).expect(err_has=f"removed '{name}'")
    found = {path: oct(os.stat(f"{folder}/{path}").st_mode & 0o7777) for path in ("readme", "src", "old/data", "src/x", "n")}
    equal(found, {"readme": "0o644", "src": "0o755", "old/data": "0o4755", "src/x": oct(0o666 & ~mask), "n": oct(0o777 & ~mask)}, "the modes")


@case()
def all_that_is_asked_for_is_listed(host):
    """D14. Among any number of harmless ones, too."""
    project(host)
    _, name = changed(host, "i=100; while [ $i -lt 140 ]; do echo x >tool$i; i=$((i + 1)); done; chmod +x tool*; mkdir zoo; echo y >zoo/wicked; chmod +x zoo/wicked")
    listed = host.caisson("apply", name).expect(125, out="").err
    for path in [f"tool{i}" for i in range(100, 140)] + ["zoo/wicked"]:
        true(f"A\t{path}\n" in listed, f"{path} is not listed: {listed}")
    paged = f"{host.home}/paged"
    terminal = host.terminal("apply", name, env={"GIT_PAGER": f"cat >{paged}"})
    terminal.read_until(r"Apply all 41 of them\? \[y/N\] ")
    true("A\tzoo/wicked\n" in read(paged), "the pager did not get all")
    terminal.send("n\r")
    equal(terminal.wait(), 0, "apply's exit code after a no")
    host.caisson("rm", "-f", name).expect()


@case()
def what_git_would_run_needs_a_word(host):
    """D13. Commands of an interrupted rebase, the configuration of a bare repository, an index that names a hook."""
    folder = project(host)
    subprocess.run(["git", "init", "--quiet", "."], cwd=folder, check=True)
    subprocess.run(["git", "init", "--quiet", "--bare", "bare.git"], cwd=folder, check=True)
    _, name = changed(host, "mkdir .git/rebase-merge; echo 'exec touch ran' >.git/rebase-merge/git-rebase-todo; echo '[alias]' >>bare.git/config; "
                            "echo 0 >.git/ORIG_HEAD; echo DIRC >.git/index")
    asked = host.caisson("apply", name).expect(125, out="", err_lacks="ORIG_HEAD").err
    for path in (".git/rebase-merge/git-rebase-todo", "bare.git/config", ".git/index"):
        true(path in asked, f"{path!r} is not asked for: {asked}")
    true(asked.endswith("(--allow git)\n") or asked.endswith("--allow git\n"), f"another class is asked for: {asked}")
    host.caisson("apply", name, "--allow", "git").expect()
    equal(read(f"{folder}/.git/rebase-merge/git-rebase-todo"), "exec touch ran\n", "what was applied")


@case()
def a_patch_is_what_git_takes(host):
    folder = project(host)
    _, name = changed(host, "echo more >>readme; rm -r old; printf 'a\\0b' >binary")
    patch = host.caisson("patch", name).expect().raw
    subprocess.run(["git", "apply"], input=patch, cwd=folder, check=True)
    equal(read(f"{folder}/readme"), "hello\nmore\n", "the patched file")
    true(not os.path.exists(f"{folder}/old"), "the folder that was removed is there")
    host.caisson("diff", name, "--name-only").expect(out="", err="")
    host.caisson("discard", name).expect()


@case()
def what_a_file_holds_steers_no_terminal(host):
    """D6. In a pipe, too; a patch has each byte."""
    folder = project(host)
    _, name = changed(host, r"printf 'a\033]0;x\007\r\n\tb\302\233\n' >evil")
    diff = host.caisson("diff", name).expect().raw
    true(rb"+a\x1b]0;x\x07\x0d" b"\n+\tb\\xc2\\x9b\n" in diff, f"the diff: {diff!r}")
    equal([byte for byte in diff if byte < 32 and byte not in b"\t\n" or byte > 126], [], "the diff's control bytes")
    patch = host.caisson("patch", name).expect().raw
    subprocess.run(["git", "apply", "--whitespace=nowarn"], input=patch, cwd=folder, check=True)
    with open(f"{folder}/evil", "rb") as file:
        equal(file.read(), b"a\x1b]0;x\x07\r\n\tb\xc2\x9b\n", "the patched file")
    terminal = host.terminal("patch", name)
    terminal.read_until("will not write a patch to the terminal")
    equal(terminal.wait(), 125, "patch's exit code on a terminal")
    host.caisson("rm", "-f", name).expect()


@case()
def an_interrupted_diff_leaves_nothing(host):
    """D3. Neither beside the sandbox nor, after the next command about its changes, in its folder."""
    project(host)
    _, name = changed(host, "i=0; while [ $i -lt 60000 ]; do echo line $i; i=$((i + 1)); done >long")
    views = f"{host.folder(name)}/views"

    def left():
        return [entry for entry in os.listdir(views) if entry != ".lock"]
    for number in (signal.SIGINT, signal.SIGKILL):
        diff = host.start("diff", name)
        true(diff.stdout.read(1000).startswith(b"diff --git"), "its output")  # the rest waits to be read
        equal(len(left()), 1, "the folders while it runs")
        diff.send_signal(number)
        diff.wait()
        true(not os.path.exists(f"{host.folder(name)}/workspaces/1.shown"), "it counts as a look")
        # Its git ends with it, in a moment of its own.
        wait_until(lambda: host.caisson("diff", name, "--name-only").expect(out="A\tlong\n") and not left(), "the sweep")
    equal([one for one in os.listdir(f"{host.runtime}/caisson") if one.startswith("diff")], [], "what is in the runtime folder")
    host.caisson("rm", "-f", name).expect()


@case()
def changes_of_a_running_sandbox(host):
    folder = project(host)
    name = host.name("live")
    host.caisson(*TINY, "-d", "--name", name, "--", "sleep", "100000").expect()
    shell = ("exec", name, "--", "sh", "-c")
    host.caisson("diff", name).expect(out="", err="")
    host.caisson(*shell, "echo 1 >>readme; echo 2 >new; rm src/main.c").expect()
    host.caisson("diff", name, f"{folder}/new", "--name-only").expect(out="A\tnew\n")
    host.caisson("discard", name, f"{folder}/src/main.c").expect()
    host.caisson(*shell, "cat src/main.c").expect(out="int main(void) { return 0; }\n")
    host.caisson("diff", name).expect(err="")
    host.caisson("apply", name, f"{folder}/new").expect()
    equal((read(f"{folder}/new"), read(f"{folder}/readme")), ("2\n", "hello\n"), "what was applied")
    # What was applied is what the sandbox knows: changing it again is no conflict.
    host.caisson(*shell, "echo 3 >>new").expect()
    host.caisson("diff", name).expect(err="")
    host.caisson("apply", name).expect()
    equal((read(f"{folder}/new"), read(f"{folder}/readme")), ("2\n3\n", "hello\n1\n"), "what was applied then")
    host.caisson("diff", name).expect(out="", err="")
    # What was renamed is in the sandbox what it is on the host then.
    host.caisson(*shell, "mv old renamed; echo 4 >renamed/made").expect()
    host.caisson("diff", name).expect(err="")
    host.caisson("apply", name).expect(err_has="2 files added, 1 removed")
    host.caisson(*shell, "cat renamed/data renamed/made; test ! -e old").expect(out="data\n4\n")
    host.caisson("diff", name).expect(out="", err="")
    host.caisson("rm", "-f", name).expect()


@case()
def what_changed_since_the_diff_is_not_applied(host):
    """D15. Neither all nor a part of it, while it runs and from what it has kept, until it was looked at again."""
    folder = project(host)
    write(f"{folder}/Makefile", "all:\n")
    before = files(folder)
    name = host.name("two-faced")
    host.caisson(*TINY, "-d", "--name", name, "--", "sleep", "100000").expect()
    shell = ("exec", name, "--", "sh", "-c")

    def refused(*words):
        # Twice: being refused is no look.
        for _ in range(2):
            host.caisson("apply", name, *words).error(125, "2 files are not what `caisson diff` showed: 'Makefile', 'src/new'", f"`caisson diff {name}`")
        equal(files(folder), before, "the host's folder after a refusal")

    host.caisson(*shell, "echo '# good' >>Makefile; echo 1 >>readme").expect()
    true("+# good" in host.caisson("diff", name).expect(err="").out, "the diff does not show it")
    host.caisson(*shell, "sed -i s/good/evil/ Makefile; echo x >src/new; sync").expect()
    for show in ("--stat", "--name-only", "--json"):
        host.caisson("diff", name, show).expect(err="")
    refused()
    refused("--dry-run")
    refused("--theirs", "--yes")
    refused(f"{folder}/Makefile", f"{folder}/src")
    host.caisson("stop", name).expect()
    refused()
    os.remove(f"{host.folder(name)}/changes/1.records")  # as after a kill: it is started and asked
    host.caisson("apply", name).expect(125, err_has=["starting", "2 files are not what"])
    # What is as it was shown is not held up.
    host.caisson("apply", name, f"{folder}/readme").expect(err_lacks="not looked at")
    equal(read(f"{folder}/readme"), "hello\n1\n", "the part that was applied")
    true("+# evil" in host.caisson("diff", name).expect().out, "the second diff does not show it")
    host.caisson("apply", name).expect(err_lacks="not looked at")
    equal((read(f"{folder}/Makefile"), read(f"{folder}/src/new")), ("all:\n# evil\n", "x\n"), "what was applied")
    host.caisson("rm", "-f", name).expect()


@case()
def an_apply_says_what_was_not_looked_at(host):
    """D15. Without a diff, and what is in no place that it was of; and a diff notes nothing that it could not show."""
    folder = project(host)
    _, name = changed(host, "echo 1 >>readme; echo 2 >src/a; echo 3 >src/b; i=0; while [ $i -lt 60000 ]; do echo line $i; i=$((i + 1)); done >long")
    host.caisson("apply", name, "--dry-run").expect(err_has=f"4 files were not looked at: `caisson diff {name}`\n")
    host.caisson("diff", name, "src").expect(err="")
    host.caisson("apply", name, "--dry-run").expect(err_has=f"2 files were not looked at: `caisson diff {name}`\n")
    host.caisson("apply", name, "src").expect(err_lacks="not looked at")
    write(note := f"{host.folder(name)}/workspaces/1.shown", "damaged\n")
    host.caisson("apply", name).error(125, "cannot read what `caisson diff` has shown", "`caisson diff` without a PATH")
    host.caisson("diff", name, "readme").expect(125, err_has="without a PATH")
    diff = host.start("diff", name)
    true(diff.stdout.read(1000).startswith(b"diff --git"), "its output")
    diff.stdout.close()  # a reader who has seen enough
    equal(diff.wait(), 0, "diff's exit code")
    true(read(note).startswith("caisson-shown 1\nall\nc "), f"the note: {read(note)!r}")
    host.caisson("apply", name).expect(err_lacks="not looked at")
    equal(read(f"{folder}/readme"), "hello\n1\n", "what was applied")


@case()
def a_stopped_sandbox_keeps_its_changes(host):
    folder = project(host)
    name = host.name("rest")
    host.caisson(*TINY, "-d", "--name", name, "--", "sleep", "100000").expect()
    host.caisson("exec", name, "--", "sh", "-c", "echo 1 >>readme; echo 2 >new").expect()
    host.caisson("stop", name).expect()
    # From what it has kept: nothing is started.
    host.caisson("diff", name, "--name-only").expect(out="A\tnew\nM\treadme\n", err="")
    host.caisson("rm", name).error(125, "1 file changed, 1 added")
    # One whose keeper died has kept nothing: it is started for the question, without its command.
    os.remove(f"{host.folder(name)}/changes/1.records")
    host.caisson("diff", name, "--name-only").expect(out="A\tnew\nM\treadme\n", err_has="starting")
    equal(host.inspect(name)["status"], "stopped", "its state")
    host.caisson("discard", name, f"{folder}/new").expect()
    host.caisson("diff", name, "--name-only").expect(out="M\treadme\n", err="")
    host.caisson("apply", name).expect()
    equal(read(f"{folder}/readme"), "hello\n1\n", "what was applied")
    host.caisson("rm", name).expect()


@case()
def changes_outlive_what_is_killed(host):
    """D10. The client, then the keeper with the machine."""
    folder = project(host)
    script = "echo more >>readme; sync; echo ready; sleep 100000"
    name = host.name("client")
    client = host.start(*TINY, "--name", name, "--", "sh", "-c", script)
    equal(client.stdout.readline(), b"ready\n", "its word")
    client.kill()
    wait_until(lambda: host.inspect(name)["status"] == "stopped", "its end")
    host.caisson("rm", name).error(125, "1 file changed")
    host.caisson("diff", name, "--name-only").expect(out="M\treadme\n", err="")
    host.caisson("discard", name).expect()

    name = host.name("keeper")
    client = host.start(*TINY, "--name", name, "--", "sh", "-c", script)
    equal(client.stdout.readline(), b"ready\n", "its word")
    os.kill(host.inspect(name)["keeper_pid"], signal.SIGKILL)
    client.wait()
    wait_until(lambda: host.inspect(name)["status"] == "stopped", "its end")
    host.caisson("rm", name).error(125, "could not be counted", "--force")
    host.caisson("diff", name, "--name-only").expect(out="M\treadme\n", err_has="starting")
    host.caisson("rm", name).error(125, "1 file changed")
    host.caisson("apply", name).expect(err_has="removed")
    equal(read(f"{folder}/readme"), "hello\nmore\n", "what was applied")


@case()
def without_an_overlay_nothing_stays(host):
    """Whatever was written: it is on the host, or nowhere."""
    project(host)
    for options in (("-w", "none"), ("-w", ".:rw"), ("-w", ".:ro")):
        name = host.name("plain")
        client = host.start(*TINY, "--name", name, *options, "--", "sh", "-c", "echo x >/home/agent/x; echo ready; sleep 100000")
        equal(client.stdout.readline(), b"ready\n", "its word")
        os.kill(host.inspect(name)["keeper_pid"], signal.SIGKILL)
        client.wait()
        wait_until(lambda n=name: host.inspect(n)["status"] == "stopped", "its end")
        host.caisson("rm", name).expect(out=f"{name}\n", err="")


@case()
def a_command_goes_on_where_it_stands(host):
    """After a discard, in a folder that it has changed."""
    folder = project(host)
    name = host.name("stands")
    script = ("cd src; echo x >>main.c; echo 1 >new; touch /tmp/ready; while ! test -e /tmp/go; do sleep 0.1; done; "
              "ls; cat main.c; echo 2 >again; cat again")
    host.caisson(*TINY, "-d", "--name", name, "--", "sh", "-c", script).expect()
    wait_until(lambda: host.caisson("exec", name, "--", "test", "-e", "/tmp/ready").code == 0, "its changes")
    host.caisson("discard", name, "src", cwd=folder).expect(err_has=f"discarded in '{folder}/src': ")
    host.caisson("exec", name, "--", "touch", "/tmp/go").expect()
    wait_until(lambda: "2\n" in host.caisson("logs", name).out, "what it says then")
    host.caisson("logs", name).expect(out="main.c\nint main(void) { return 0; }\n2\n")
    wait_until(lambda: host.inspect(name)["status"] == "stopped", "its end")
    host.caisson("diff", name, "--name-only").expect(out="A\tsrc/again\n")
    host.caisson("rm", "-f", name).expect()


@case()
def any_name_and_any_depth(host):
    folder = project(host)
    script = r"""printf x >"$(printf 'a\nb')"; printf y >"$(printf '\377\033[31m')"; ln -s ../../away link
        p=deep; for i in 1 2 3 4 5 6 7 8 9; do p=$p/$(printf '%0200d' 0); done; mkdir -p $p; echo z >$p/z; mkfifo pipe"""
    words, name = changed(host, script)
    equal(words, "4 files added", "the end's words")
    diff = host.caisson("diff", name, "--name-only").expect(err="").raw
    true(b"\x1b" not in diff and b"a\\nb" in diff and b"\xff" not in diff, f"a name was not escaped: {diff!r}")
    shown = {one["path"]: one for one in host.caisson("diff", name, "--json").expect().json()["workspaces"][0]["changes"]}
    equal(shown["link"]["classes"], ["symlink"], "the link's class")
    equal(bytes.fromhex(shown["\\xff\\x1b[31m"]["path_hex"]), b"\xff\x1b[31m", "the name's bytes")
    host.caisson("apply", name, "--allow", "symlink").expect(err_has="'pipe' is left out")
    names = sorted(os.listdir(os.fsencode(folder)))
    equal(names, [b"a\nb", b"deep", b"link", b"old", b"readme", b"src", b"\xff\x1b[31m"], "the names on the host")
    deep = folder + "/deep" + ("/" + "0" * 200) * 9 + "/z"
    equal(read(deep), "z\n", "the file in the depth")


@case()
def more_than_is_kept_is_asked_for(host):
    folder = project(host)
    words, name = changed(host, "dd if=/dev/urandom of=big bs=1M count=70 2>/dev/null; truncate -s 1G sparse; sha256sum big >sum")
    equal(words, "3 files added", "the end's words")
    true(not os.path.exists(f"{host.folder(name)}/changes/1.records"), "it was kept")
    host.caisson("apply", name, f"{folder}/big", f"{folder}/sum").expect(err_has=["starting", "applied"])
    subprocess.run(["sha256sum", "-c", "--quiet", "sum"], cwd=folder, check=True)
    host.caisson("rm", "-f", name).expect()


@case()
def on_a_terminal_it_asks(host):
    folder = project(host)
    _, name = changed(host, "echo x >.envrc; echo y >plain")
    terminal = host.terminal("rm", name)
    terminal.read_until(r"2 files added")
    terminal.read_until(r"Remove it with them\? \[y/N\] ")
    terminal.send("n\r")
    equal(terminal.wait(), 125, "rm's exit code after a no")
    terminal = host.terminal("apply", name)
    terminal.read_until(r"\.envrc")
    terminal.read_until(r"Apply it\? \[y/N\] ")
    terminal.send("n\r")
    equal(terminal.wait(), 0, "apply's exit code")
    true(os.path.exists(f"{folder}/plain") and not os.path.exists(f"{folder}/.envrc"), "the class that was refused")
    terminal = host.terminal("discard", name)
    terminal.read_until(r"\[y/N\] ")
    terminal.send("y\r")
    equal(terminal.wait(), 0, "discard's exit code")
    equal(host.sandboxes(), [], "the sandboxes")


@case()
def what_the_host_changes_while_it_asks_stays(host):
    folder = project(host)
    write(f"{folder}/old/more", "more\n")
    _, name = changed(host, "rm -r old; echo x >CLAUDE.md")
    terminal = host.terminal("apply", name)
    terminal.read_until(r"Apply it\? \[y/N\] ")
    write(f"{folder}/old/data", "mine\n")
    os.rename(f"{folder}/old/more", f"{folder}/old/new-name")
    expected = files(folder)
    terminal.send("y\r")
    terminal.read_until(r"was changed on the host meanwhile")
    equal(terminal.wait(), 125, "apply's exit code")
    equal(files(folder), expected, "the host's folder")
    host.caisson("rm", "-f", name).expect()


@case(image="base")
def the_readmes_example_is_true(host):
    """Each command of its section about changes, and what it says."""
    readme = read(os.path.join(os.path.dirname(__file__), "../../README.md"))
    section = readme.split("### What was done is looked at before it is kept\n")[1].split("\n### ")[0]
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ")]
    folder = f"{host.home}/notes"
    write(f"{folder}/README.md", "# Notes\n")
    write(f"{folder}/src/sum.py", "def add(a, b):\n    return a - b\n")
    for i in range(31):
        write(f"{folder}/.git/objects/{i}")
    before = files(folder)
    said = {}
    for line in lines:
        if line.startswith("/src/notes$ caisson "):
            said[command := line.removeprefix("/src/notes$ caisson ")] = ""
        else:
            said[command] += line.replace("/src/notes", folder) + "\n"
    equal([command.split()[0] for command in said], ["run", "diff", "apply", "discard"], "the commands")
    for command, words in said.items():
        result = host.caisson(*shlex.split(command), cwd=folder).expect()
        equal(result.out + result.err, words, f"what `caisson {command}` says")
    before["src/sum.py"] = "def add(a, b):\n    return a + b\n"
    equal(files(folder), before, "the folder")
