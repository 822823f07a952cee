# SPDX-License-Identifier: Apache-2.0
"""Workspaces: the folder is there at its path, in the mode that was asked for, and nothing else of this machine is."""

import functools
import os
import pwd
import signal
import subprocess

import images
from harness import Skipped, case, equal, true, wait_until, write

TINY = ("run", "--image", "tiny")


def tree(folder):
    """What there is below a folder: kinds, modes, contents, targets."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(place, name)
            info = os.lstat(path)
            content = os.readlink(path) if os.path.islink(path) else None
            if content is None and os.path.isfile(path):
                with open(path, "rb") as file:
                    content = file.read()
            found[os.path.relpath(path, folder)] = (info.st_mode, info.st_uid, info.st_size if content else 0, content)
    return found


def project(host):
    write(f"{host.work}/readme", "hello\n")
    write(f"{host.work}/src/main.c", "int main(void) { return 0; }\n")
    write(f"{host.work}/run.sh", "#!/bin/sh\necho ran\n", mode=0o755)
    os.symlink("readme", f"{host.work}/link")
    return host.work


def shell(host, script, *options, **keywords):
    return host.caisson(*TINY, *options, "--", "sh", "-c", script, **keywords)


def detached(host, label, *options, image="tiny"):
    name = host.name(label)
    host.caisson("run", "--image", image, "-d", "--name", name, *options, "--", "sleep", "100000").expect(out=f"{name}\n")
    return name


def inside(host, name, script, *options, **keywords):
    return host.caisson("exec", *options, name, "--", "sh", "-c", script, **keywords)


@case()
def the_current_folder_is_at_its_path(host):
    folder = project(host)
    script = "pwd; cat readme link; ./run.sh; ls src; stat -c '%U %a' readme run.sh; id -un"
    shell(host, script).expect(out=f"{folder}\nhello\nhello\nran\nmain.c\nagent 644\nagent 755\nagent\n", err="")
    # From a folder in it, too; and what is named elsewhere.
    host.caisson(*TINY, "-w", folder, "--", "pwd", cwd=f"{folder}/src").expect(out=f"{folder}/src\n")
    host.caisson(*TINY, "-w", f"{folder}/src:/elsewhere:ro", "--", "sh", "-c", "pwd; ls").expect(out="/elsewhere\nmain.c\n")
    host.caisson(*TINY, "-w", "none", "--", "sh", "-c", f"pwd; ls {folder} 2>&1").expect(
        code=1, out=f"/home/agent\nls: {folder}: No such file or directory\n")


@case()
def an_overlay_leaves_the_host_as_it_was(host):
    """F1."""
    folder = project(host)
    before = tree(folder)
    script = ("echo more >>readme; mv src other; rm run.sh; ln -s /etc/passwd new-link; mkdir new; echo x >new/file; chmod 600 readme; "
              "cat readme; ls; rm -rf ./* && ls -A; echo again >readme; cat readme")
    name = detached(host, "overlay")
    inside(host, name, script).expect(out="hello\nmore\nlink\nnew\nnew-link\nother\nreadme\nagain\n", err="")
    equal(tree(folder), before, "the host's folder")
    host.caisson("rm", "-f", name).expect()


@case()
def read_only_refuses(host):
    """F2. Root inside as well, who may also try to mount it otherwise."""
    folder = project(host)
    before = tree(folder)
    script = ("for c in 'echo x >readme' 'echo x >new' 'rm readme' 'mkdir d' 'chmod 600 readme' 'mv readme r2' 'touch readme'; do "
              "sh -c \"$c\" 2>/dev/null && echo \"done: $c\"; done; mount -o remount,rw,bind . && echo x >readme; cat readme")
    for user in ("agent", "root"):
        shell(host, script, "-w", ".:ro", "-u", user).expect(out="hello\n")
    equal(tree(folder), before, "the host's folder")


@case()
def writes_of_rw_are_the_callers(host):
    """F3. They are on the host at once, and belong to who called."""
    folder = project(host)
    script = "echo new >new; mkdir -p a/b; mv src moved; rm link; ln -s nowhere link2; chmod 700 run.sh; echo more >>readme; sync"
    name = detached(host, "rw", "-w", ".:rw")
    for user in ("agent", "root"):
        inside(host, name, f"echo {user} >by-{user}", "-u", user).expect()
        equal(os.stat(f"{folder}/by-{user}").st_uid, os.geteuid(), f"the owner of what {user} has made")
    inside(host, name, script).expect(err="")
    now = tree(folder)
    equal(sorted(now), ["a", "a/b", "by-agent", "by-root", "link2", "moved", "moved/main.c", "new", "readme", "run.sh"], "the names")
    equal(now["readme"][3], b"hello\nmore\n", "what was appended to")
    equal(now["run.sh"][0] & 0o777, 0o700, "the mode")
    equal(now["link2"][3], "nowhere", "the link")
    # The other way round.
    write(f"{folder}/from-host", "h\n")
    inside(host, name, "cat from-host; rm from-host").expect(out="h\n")
    true(not os.path.exists(f"{folder}/from-host"), "it was removed inside and is still there")
    host.caisson("rm", "-f", name).expect()


@case()
def an_ordinary_users_files_are_an_ordinary_users(host):
    """F3, for a user that is not root; and what that user can't read, the sandbox can't."""
    if os.geteuid() != 0:
        raise Skipped("the other cases run as an ordinary user already")
    user = "nobody"
    home, identity = f"{host.home}/{user}", pwd.getpwnam(user)
    caisson = functools.partial(host.as_user, user, timeout=900)
    caisson("ls", "--json").expect(out="[]\n", err="")
    images.copy_kernel(os.environ["CAISSON_TEST_CACHE"], f"{home}/.cache")
    images.make_busybox_tar(f"{home}/root.tar")
    for place, folders, files in os.walk(home):
        for path in (place, *(f"{place}/{entry}" for entry in folders + files)):
            os.lchown(path, identity.pw_uid, identity.pw_gid)
    write(f"{home}/work/of-root", "secret\n", mode=0o600)
    caisson("image", "import", "own", f"{home}/root.tar").expect()
    script = "echo mine >mine; cat of-root 2>&1; stat -c %U mine of-root; id -un"
    caisson("run", "--image", "own", "--cpus", "1", "--memory", "256M", "-w", ".:rw", "--", "sh", "-c", script).expect(
        out="cat: can't open 'of-root': Permission denied\nagent\nagent\nagent\n")
    equal(os.stat(f"{home}/work/mine").st_uid, identity.pw_uid, "the owner of what was written")


@case()
def masks_hold_in_every_mode(host):
    """F4. By name in any case, by hard link, and for root inside."""
    folder = project(host)
    for name in (".env", ".ENV.local", "key.PEM", "sub/id_rsa", ".aws/credentials", "sub/.npmrc"):
        write(f"{folder}/{name}", "//registry/:_authToken=SECRET\n")
    os.link(f"{folder}/.env", f"{folder}/innocent")
    write(f"{folder}/.env.example", "shown\n")
    write(f"{folder}/own.secret", "SECRET\n")
    for mode in ("overlay", "ro", "rw"):
        result = shell(host, "find . -type f | sort; cat .env innocent sub/id_rsa ./.Env 2>/dev/null; grep -rl SECRET . ; true", "-u", "root",
                       "-w", f".:{mode}", "--mask", "*.secret")
        result.expect(out="./.env.example\n./readme\n./run.sh\n./src/main.c\n")
    shell(host, "cat key.PEM", "--unmask", "*.pem").expect(out="//registry/:_authToken=SECRET\n")
    shell(host, "echo x >.env", "-w", ".:rw").expect(code=1, err_has="Operation not permitted")


@case()
def several_workspaces_and_single_files(host):
    folder = project(host)
    other = f"{host.home}/other"
    write(f"{other}/data", "d\n")
    single = write(f"{host.home}/single.conf", "one\n")
    result = shell(host, f"pwd; ls; cat /data/data {single} /etc/conf.d/x; echo two >{single}; echo no >/data/new; echo no >/etc/conf.d/x",
                   "-w", ".", "-w", f"{other}:/data:ro", "-w", f"{single}:rw", "-w", f"{single}:/etc/conf.d/x")
    result.expect(code=1, out=f"{folder}\nlink\nreadme\nrun.sh\nsrc\nd\none\none\n", err_has="Read-only file system")
    with open(single, encoding="utf-8") as file:
        equal(file.read(), "two\n", "the file that may be written")
    equal(os.listdir(other), ["data"], "the folder that may not")


@case()
def a_kept_overlay_is_there_after_a_start(host):
    folder = project(host)
    name = detached(host, "kept")
    inside(host, name, "echo changed >readme; rm run.sh; mkdir d; echo x >d/x; mv src s2").expect()
    host.caisson("stop", name).expect()
    write(f"{folder}/later", "l\n")
    host.caisson("start", name).expect()
    inside(host, name, "cat readme d/x later; ls; ls s2").expect(out="changed\nx\nl\nd\nlater\nlink\nreadme\ns2\nmain.c\n")
    with open(f"{folder}/readme", encoding="utf-8") as file:
        equal(file.read(), "hello\n", "the host's file")
    host.caisson("stop", name).expect()
    # Another folder at its place is not the one that was changed.
    os.rename(folder, f"{folder}.old")
    os.mkdir(folder)
    host.caisson("start", name, cwd=host.home).error(125, f"'{folder}'", "another folder")
    host.caisson("rm", "-f", name, cwd=host.home).expect()


@case()
def what_the_host_changes_is_seen(host):
    """In an overlay, too, whose own memory of names is above what the host can reach."""
    folder = project(host)
    name = detached(host, "live", "-w", ".", "-w", f"{folder}:/ro:ro")
    for place in (folder, "/ro"):
        inside(host, name, f"cd {place}; cat readme; test ! -e new; cat src/main.c >/dev/null; ls >/dev/null").expect(out="hello\n")
    write(f"{folder}/readme.tmp", "replaced\n")
    os.rename(f"{folder}/readme.tmp", f"{folder}/readme")
    write(f"{folder}/new", "new\n")
    os.unlink(f"{folder}/run.sh")
    with open(f"{folder}/src/main.c", "a", encoding="utf-8") as file:
        file.write("// more\n")
    for place in (folder, "/ro"):
        script = f"cd {place}; cat readme new; tail -n1 src/main.c; ls run.sh 2>&1"
        wanted = "replaced\nnew\n// more\nls: run.sh: No such file or directory\n"
        wait_until(lambda s=script, w=wanted: inside(host, name, s).out == w, f"the changes in {place}")
    # What the sandbox has changed is its own.
    inside(host, name, "echo inside >readme").expect()
    write(f"{folder}/readme", "outside\n")
    write(f"{folder}/mark", "m\n")
    wait_until(lambda: inside(host, name, "cat mark").code == 0, "the mark")
    inside(host, name, "cat readme; cat /ro/readme").expect(out="inside\noutside\n")
    host.caisson("rm", "-f", name).expect()


@case()
def a_server_that_is_killed_takes_its_workspace_only(host):
    """F6."""
    folder = project(host)
    name = detached(host, "killed", "-w", ".", "-w", f"{folder}:/ro:ro")
    shown = host.inspect(name)["workspaces"]
    equal([(one["guest"], one["mode"], one["lost"]) for one in shown], [(folder, "overlay", ""), ("/ro", "ro", "")], "what inspect shows")
    os.kill(shown[0]["pid"], signal.SIGKILL)
    wait_until(lambda: host.inspect(name)["workspaces"][0]["lost"], "its loss in the record")
    inside(host, name, "cat /ro/readme", "--workdir", "/").expect(out="hello\n", err="")
    inside(host, name, f"cat {folder}/src/main.c", "--workdir", "/").expect(code=1, err_has="not connected")
    host.caisson("log", name).expect(out_has="Killed")
    host.caisson("stop", name).expect()
    host.caisson("start", name).expect()
    inside(host, name, "cat readme").expect(out="hello\n")
    host.caisson("rm", "-f", name).expect()


@case()
def a_lost_workspace_is_told_at_the_end(host):
    project(host)
    process = host.start(*TINY, "--name", host.name("lost"), "--", "sh", "-c", "cat readme; cat", stdin=subprocess.PIPE)
    equal(process.stdout.readline(), b"hello\n", "its first words")
    os.kill(host.inspect(host.name("lost"))["workspaces"][0]["pid"], signal.SIGKILL)
    wait_until(lambda: host.inspect(host.name("lost"))["workspaces"][0]["lost"], "its loss in the record")
    _, err = process.communicate(timeout=120)
    true(b"was lost: its server was ended by signal 9 (Killed)" in err, f"nothing says so: {err!r}")


@case(image=None)
def what_is_too_broad_is_refused_with_the_remedy(host):
    for folder in (host.home, "/", "/etc", "/tmp"):
        host.caisson(*TINY, "--", "true", cwd=folder).error(125, "is not shared unasked", "-w none")
    host.caisson(*TINY, "-w", "/etc", "--", "true").error(125, "-w /etc:/PLACE")
    host.caisson(*TINY, "-w", "/no/such", "--", "true").error(125, "'/no/such' does not exist", "-w none")
    file = write(f"{host.home}/file", "x")
    host.caisson(*TINY, "-w", f"{file}:overlay", "--", "true").error(125, "has no overlay", ":rw")


@case()
def home_is_shared_when_it_is_said(host):
    write(f"{host.home}/here", "h\n")
    host.caisson(*TINY, "-w", ".", "--", "sh", "-c", "pwd; cat here", cwd=host.home).expect(out=f"{host.home}\nh\n")


@case(image="base", timeout=600)
def git_and_a_build_work_in_it(host):
    """Of the image's own git, on a repository of the host's."""
    folder = host.work
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", folder]
    write(f"{folder}/a.txt", "a\n")
    write(f"{folder}/Makefile", "b.txt: a.txt\n\tcp a.txt b.txt\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    before = tree(folder)
    name = host.name("git")
    host.caisson("run", "--name", name, "--", "sh", "-c",
                 "git status --short && sed -i s/a/b/ a.txt && git -c user.name=a -c user.email=a@a commit -qam two && git log --format=%s && cat b.txt 2>/dev/null;"
                 "cp a.txt b.txt && git status --short && git gc -q && git fsck && rm -rf .git && ls -A").expect(
                     out="two\none\n?? b.txt\nMakefile\na.txt\nb.txt\n")
    equal(tree(folder), before, "the host's repository")
    host.caisson("rm", "-f", name).expect()


@case(image="base", timeout=900)
def containers_can_be_given_it(host):
    folder = project(host)
    os.chmod(f"{folder}/src", 0o777)
    files = "bin/sh bin/cat lib64/ld-linux-x86-64.so.2 lib/x86_64-linux-gnu/libc.so.6"
    script = (f"tar -chf - -C / {files} | docker import - small >/dev/null && "
              "docker run --rm -v \"$PWD\":/src small /bin/sh -c 'cat /src/readme; echo in >/src/src/made' && cat src/made")
    name = host.name("containers")
    host.caisson("run", "--name", name, "--", "sh", "-c", script).expect(out="hello\nin\n", err_has="1 file added")
    true(not os.path.exists(f"{folder}/src/made"), "the container's file is on the host")
    host.caisson("rm", "-f", name).expect()
