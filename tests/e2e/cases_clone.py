# SPDX-License-Identifier: Apache-2.0
"""A workspace of mode clone: the sandbox works in a git clone of its own, and its commits come back as a branch."""

import os
import signal
import subprocess

from harness import case, equal, read, true, wait_until, write

CLONE = ("run", "-w", ".:clone")
# What an agent's git needs to commit, and it alone.
COMMIT = "git -c user.name=agent -c user.email=agent@example.org commit -q"
IDENTITY = {"GIT_AUTHOR_NAME": "user", "GIT_AUTHOR_EMAIL": "user@example.org", "GIT_COMMITTER_NAME": "user",
            "GIT_COMMITTER_EMAIL": "user@example.org", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}


def git(folder, *arguments, check=True):
    """As the user, on this machine; what it says."""
    result = subprocess.run(["git", "-c", "protocol.file.allow=always", "-C", folder, *arguments], env={**os.environ, **IDENTITY},
                            capture_output=True, check=False, text=True)
    if check and result.returncode != 0:
        raise AssertionError(f"git {' '.join(arguments)}: {result.stderr}")
    return result.stdout.strip() if result.returncode == 0 else None


def commit(folder, message):
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def repository(host):
    git(host.work, "init", "-q", "-b", "main")
    write(f"{host.work}/readme", "hello\n")
    write(f"{host.work}/src/main.c", "int main(void) { return 0; }\n")
    commit(host.work, "first")
    return host.work


def state_of(folder):
    """What nobody but the user may change: files, index, branches but for those of sandboxes, configuration."""
    with open(f"{folder}/.git/index", "rb") as file:
        index = file.read()
    references = [line for line in git(folder, "for-each-ref").splitlines() if "refs/heads/caisson/" not in line]
    return read(f"{folder}/readme"), index, references, read(f"{folder}/.git/config"), git(folder, "symbolic-ref", "HEAD")


def detached(host, label, *options):
    name = host.name(label)
    host.caisson(*CLONE, "-d", "--name", name, *options, "--", "sleep", "100000").expect(out=f"{name}\n")
    return name


@case(image="base")
def a_clone_gives_back_its_commits(host):
    folder = repository(host)
    write(f"{folder}/readme", "not committed\n")
    before = state_of(folder)
    name = host.name("main")
    script = f"cat readme; git log --format=%s; echo x >new; git add new; {COMMIT} -m one; rm src/main.c; {COMMIT} -a -m two; pwd"
    host.caisson(*CLONE, "--name", name, "--", "sh", "-c", script).expect(
        out=f"hello\nfirst\n{folder}\n",
        err_has=["1 file that is not committed", f"2 commits on branch caisson/{name}: `git log ..caisson/{name}`"])
    equal(state_of(folder), before, "the host's repository")
    equal(git(folder, "log", "--format=%s", f"..caisson/{name}"), "two\none", "the branch")
    equal(git(folder, "diff", "--name-status", f"main...caisson/{name}"), "A\tnew\nD\tsrc/main.c", "what they change")
    equal(git(folder, "fsck", "--strict"), "", "what git says of the repository")
    equal(host.sandboxes(), [], "the sandboxes")


@case(image="base")
def a_clone_without_commits_goes_away(host):
    folder = repository(host)
    host.caisson(*CLONE, "--", "sh", "-c", "git status --porcelain; cat readme").expect(out="hello\n", err="")
    equal(host.sandboxes(), [], "the sandboxes")
    equal(git(folder, "for-each-ref", "refs/heads/caisson"), "", "the branches")


@case(image="base")
def what_is_not_committed_keeps_the_sandbox(host):
    repository(host)
    script = f"echo x >new; git add new; {COMMIT} -m one; echo y >left; git checkout -q -b aside; git add left; {COMMIT} -m two; git checkout -q main; echo z >>readme"
    result = host.caisson(*CLONE, "--", "sh", "-c", script).expect(
        err_has=["1 commit on branch caisson/", "1 commit on other branches of the clone, 1 file not committed in the clone"])
    name = host.sandboxes()[0]["name"]
    true(f"caisson/{name}" in result.err, "the branch is another's")
    host.caisson("rm", name).error(125, "1 file not committed", "rm --force")
    # From what is known: nothing is started.
    host.caisson("diff", name, "--name-only").expect(out="A\tnew\n", err="")
    host.caisson("diff", name).expect(out_has="+++ b/new", err_has=["1 file in the clone is not committed", "1 commit is on another branch"])
    host.caisson("discard", name, "--yes").expect(err_has=f"removed '{name}'")


@case(image="base", timeout=900)
def commits_of_a_running_clone_are_taken_over(host):
    folder = repository(host)
    name = detached(host, "live")
    branch = f"caisson/{name}"
    inside = ("exec", name, "--", "sh", "-c")
    host.caisson("apply", name).expect(err_has="no commits for")
    host.caisson(*inside, f"echo 1 >one; git add one; {COMMIT} -m one").expect()
    host.caisson("diff", name).expect(out_has=["+++ b/one", "+1"], err="")
    equal(git(folder, "rev-parse", "--verify", "--quiet", branch, check=False), None, "the branch after a diff")
    host.caisson("apply", name, "--dry-run").expect(out_has=" one\n", err_has=f"would be on branch {branch}")
    equal(git(folder, "rev-parse", "--verify", "--quiet", branch, check=False), None, "the branch after a dry run")
    host.caisson("apply", name).expect(err_has=f"1 commit on branch {branch}")
    equal(git(folder, "show", f"{branch}:one"), "1", "the file on the branch")
    host.caisson(*inside, f"echo 2 >two; git add two; {COMMIT} -m two").expect()
    host.caisson("apply", name).expect(err_has=f"2 commits on branch {branch}")
    equal(git(folder, "log", "--format=%s", f"main..{branch}"), "two\none", "the branch")
    patch = host.caisson("patch", name).expect().raw
    subprocess.run(["git", "apply", "--check"], input=patch, cwd=folder, check=True)
    # The user goes on with the branch, and so does the sandbox.
    git(folder, "worktree", "add", "-q", f"{host.home}/other", branch)
    write(f"{host.home}/other/mine", "x\n")
    mine = commit(f"{host.home}/other", "mine")
    git(folder, "worktree", "remove", f"{host.home}/other")
    host.caisson(*inside, f"echo 3 >three; git add three; {COMMIT} -m three").expect()
    host.caisson("apply", name).error(125, "has commits that the sandbox's do not follow", "--theirs")
    equal(git(folder, "rev-parse", branch), mine, "the user's branch")
    host.caisson("stop", name).expect()
    host.caisson("rm", name).error(125, "3 commits not taken over")
    equal(git(folder, "rev-parse", branch), mine, "the user's branch after the sandbox's end")
    # From what it has kept: nothing is started.
    host.caisson("apply", name, "--theirs").expect(err=f"caisson: 3 commits on branch {branch}: `git log ..{branch}`; it was at {mine}\n")
    equal(git(folder, "log", "--format=%s", f"main..{branch}"), "three\ntwo\none", "the branch by then")
    host.caisson("rm", name).expect(err="")


@case(image="base")
def commits_outlive_a_killed_keeper(host):
    folder = repository(host)
    name = host.name("killed")
    client = host.start(*CLONE, "--name", name, "--", "sh", "-c", f"echo x >new; git add new; {COMMIT} -m one; sync; echo ready; sleep 100000")
    equal(client.stdout.readline(), b"ready\n", "its word")
    os.kill(host.inspect(name)["keeper_pid"], signal.SIGKILL)
    client.wait()
    wait_until(lambda: host.inspect(name)["status"] == "stopped", "its end")
    host.caisson("rm", name).error(125, "could not be counted", "--force")
    host.caisson("apply", name).expect(err_has=["starting", f"1 commit on branch caisson/{name}", f"removed '{name}'"])
    equal(git(folder, "log", "--format=%s", f"main..caisson/{name}"), "one", "the branch")


@case(image="base", timeout=900)
def a_clone_hides_what_is_masked(host):
    """G5: not the file, and not its content in the history either."""
    folder = repository(host)
    write(f"{folder}/.env", "OLD=secret\n")
    commit(folder, "old")
    write(f"{folder}/.env", "NEW=secret\n")
    write(f"{folder}/.env.example", "NEW=\n")
    commit(folder, "new")
    git(folder, "config", "remote.origin.url", "https://user:token@example.org/x")
    objects = [git(folder, "rev-parse", f"{commit}:.env") for commit in ("HEAD", "HEAD~1")]
    name = detached(host, "masked")
    inside = ("exec", "-w", folder, name, "--", "sh", "-c")
    host.caisson(*inside, "ls -A; git status --porcelain").expect(out=".env.example\n.git\nreadme\nsrc\n")
    for one in objects:
        true(host.caisson(*inside, f"git cat-file -p {one}").code != 0, f"{one} is in the clone")
    host.caisson(*inside, "grep -r -l -e token -e secret .git").expect(code=1, out="")
    host.caisson(*inside, f"echo x >>readme; {COMMIT} -a -m agent; git gc -q; git fsck").expect()
    host.caisson("apply", name).expect(err_has="1 commit on branch")
    equal(git(folder, "diff", "--name-only", f"main..caisson/{name}"), "readme", "what the commit changes")
    equal(git(folder, "show", f"caisson/{name}:.env"), "NEW=secret", "the hidden file on the branch")
    # Its content under another name would be seen by the next sandbox.
    host.caisson(*inside, f"printf '100644 blob {objects[0]}\\tpublic\\n' | git mktree --missing >/tmp/tree && "
                          "git update-ref HEAD $(git -c user.name=a -c user.email=a@b commit-tree -p HEAD -m steal $(cat /tmp/tree))").expect()
    host.caisson("apply", name).error(125, "hidden file", "'public'")
    equal(git(folder, "log", "--format=%s", f"main..caisson/{name}"), "agent", "the branch")
    host.caisson("rm", "-f", name).expect()


@case(image="base")
def a_worktree_and_its_submodules_are_cloned(host):
    library = f"{host.home}/library"
    os.makedirs(library)
    git(library, "init", "-q", "-b", "main")
    write(f"{library}/code", "1\n")
    commit(library, "library")
    main = f"{host.home}/main"
    os.makedirs(main)
    git(main, "init", "-q", "-b", "main")
    git(main, "submodule", "--quiet", "add", library, "libs/one")
    commit(main, "with a submodule")
    linked = f"{host.home}/linked"
    git(main, "worktree", "add", "-q", linked, "-b", "feature")
    git(linked, "submodule", "--quiet", "update", "--init")
    name = host.name("linked")
    script = (f"git status --porcelain; git symbolic-ref --short HEAD; cd libs/one && echo 2 >code && {COMMIT} -a -m inner && cd ../.. && "
              f"{COMMIT} -a -m outer && git submodule status")
    result = host.caisson("run", "--name", name, "-w", f"{linked}:clone", "--", "sh", "-c", script, cwd=host.home).expect(
        err_has=[f"1 commit on branch caisson/{name}:", f"1 commit on branch caisson/{name} of 'libs/one'"])
    true(result.out.startswith("feature\n"), f"its first words: {result.out!r}")
    equal(git(main, "log", "--format=%s", f"feature..caisson/{name}"), "outer", "the branch of the repository")
    inner = git(main, "rev-parse", f"caisson/{name}:libs/one")
    equal(git(f"{linked}/libs/one", "rev-parse", f"caisson/{name}"), inner, "the branch of the submodule")
    equal(git(linked, "status", "--porcelain"), "", "the worktree")
    equal(host.sandboxes(), [], "the sandboxes")


@case(image="base")
def what_cannot_be_cloned_is_refused(host):
    folder = repository(host)
    plain, bare = f"{host.home}/plain", f"{host.home}/bare"
    os.makedirs(plain)
    git(host.home, "init", "-q", "--bare", bare)
    git(folder, "branch", "caisson/taken")
    write(f"{folder}/readme", "more\n")
    git(folder, "checkout", "-q", "caisson/taken")
    commit(folder, "ahead")
    git(folder, "checkout", "-q", "main")
    for wish, options, texts in ((f"{plain}:clone", (), ("it is no git repository", "git init")),
                                 (f"{bare}:clone", (), ("a bare repository", "git worktree add")),
                                 (f"{folder}/src:clone", (), ("it is a folder in the repository", f"-w {folder}:clone")),
                                 (f"{folder}/readme:clone", (), ("is a file, which has no git repository",)),
                                 (f"{folder}:clone", ("--name", "taken"), ("caisson/taken", "git branch -D")),
                                 (f"{folder}:clone", ("--name", "a..b"), ("no name of a branch", "--name"))):
        host.caisson("run", *options, "-w", wish, "--", "true").error(125, *texts)
    equal(host.sandboxes(), [], "the sandboxes")


@case(image="base", timeout=900)
def a_hostile_clone_runs_nothing_here(host):
    """G2, G3: hooks, configuration and a git that says what it wants are the sandbox's own."""
    folder = repository(host)
    before = state_of(folder)
    mark = f"{host.home}/ran"
    hook = f"printf '#!/bin/sh\\ntouch {mark}; exit 0\\n' >/tmp/hook; chmod 755 /tmp/hook"
    script = (f"{hook}; mkdir -p .git/hooks; for h in pre-commit post-checkout reference-transaction pre-auto-gc; do cp /tmp/hook .git/hooks/$h; done; "
              "git config core.fsmonitor /tmp/hook; git config uploadpack.packObjectsHook /tmp/hook; git config core.alternateRefsCommand /tmp/hook; "
              f"git config core.hooksPath .git/hooks; echo x >new; git add new; {COMMIT} -m one")
    name = host.name("hooks")
    host.caisson(*CLONE, "--name", name, "--", "sh", "-c", script).expect(err_has=f"1 commit on branch caisson/{name}")
    true(not os.path.exists(mark), "something of the sandbox's was run on the host")
    equal(state_of(folder), before, "the host's repository")
    # A git of the sandbox's own.
    name = host.name("liar")
    for says in ("../../../heads/main", "refs/heads/main", "--upload-pack=touch", "1" * 40):
        fake = f"printf '#!/bin/sh\\necho {says}\\n' >/tmp/git; chmod 755 /tmp/git; echo x >new"
        result = host.caisson(*CLONE, "--name", name, "-e", "PATH=/tmp:/usr/bin:/bin", "--", "sh", "-c", fake).expect(
            err_has="changes that could not be counted")
        true("on branch" not in result.err, f"something arrived: {result.err}")
        equal(state_of(folder), before, f"the host's repository after {says!r}")
        equal(git(folder, "for-each-ref", f"refs/heads/caisson/{name}"), "", "its branch")
        host.caisson("rm", "-f", name).expect()


@case(image="base")
def a_hostile_repository_is_cloned_and_runs_nothing(host):
    """G3, G8: what a repository's configuration names, and a link and a submodule of one name."""
    folder = repository(host)
    mark = f"{host.home}/ran"
    trap = write(f"{host.home}/trap", f"#!/bin/sh\ntouch {mark}\ncat\n", mode=0o755)
    write(f"{folder}/.gitattributes", "* filter=trap diff=trap\n")
    commit(folder, "attributes")
    before = git(folder, "for-each-ref")
    for key, value in (("filter.trap.clean", trap), ("filter.trap.smudge", trap), ("filter.trap.process", trap), ("diff.trap.textconv", trap), ("diff.external", trap),
                       ("core.fsmonitor", trap), ("core.hooksPath", f"{folder}/hooks"), ("uploadpack.packObjectsHook", trap), ("protocol.ext.allow", "always"),
                       (f"url.ext::{trap} .insteadOf", "/"), ("core.logAllRefUpdates", "always")):
        git(folder, "config", key, value)
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        write(f"{folder}/hooks/{hook}", f"#!/bin/sh\ntouch {mark}\n", mode=0o755)
    write(f"{folder}/readme", "HELLO\n")
    if os.path.exists(mark):
        os.unlink(mark)
    name = host.name("trap")
    host.caisson(*CLONE, "--name", name, "--", "sh", "-c", f"echo x >new; git add new; {COMMIT} -m one").expect(err_has=f"1 commit on branch caisson/{name}")
    true(not os.path.exists(mark), "something of the repository's was run")
    os.rename(f"{folder}/.git/config", f"{folder}/.git/hostile")
    git(folder, "init", "-q")
    equal(git(folder, "log", "--format=%s", f"main..caisson/{name}"), "one", "the branch")
    git(folder, "update-ref", "-d", f"refs/heads/caisson/{name}")
    equal(git(folder, "for-each-ref"), before, "the other references")
    # A commit that checks out elsewhere.
    outside = f"{host.home}/outside"
    os.makedirs(outside)
    head = git(folder, "rev-parse", "HEAD")
    link = subprocess.run(["git", "-C", folder, "hash-object", "-w", "--stdin"], input=outside.encode(), capture_output=True, check=True).stdout.decode().strip()
    entries = b"".join(mode.encode() + b" x\0" + bytes.fromhex(what) for mode, what in (("120000", link), ("160000", head)))
    tree = subprocess.run(["git", "-C", folder, "hash-object", "-w", "-t", "tree", "--literally", "--stdin"], input=entries, capture_output=True, check=True).stdout.decode().strip()
    git(folder, "update-ref", "refs/heads/main", git(folder, "commit-tree", "-m", "hostile", tree))
    git(f"{folder}", "init", "-q", f"{folder}/x")
    host.caisson(*CLONE, "--", "true").error(125, "twice")
    equal(os.listdir(outside), [], "what is outside")
    equal(host.sandboxes(), [], "the sandboxes")


@case(image="base")
def a_guest_gets_no_object_by_its_name(host):
    """G6: what the clone was not given does not come back by a commit that names it."""
    folder = repository(host)
    write(f"{folder}/stashed", "private\n")
    blob = git(folder, "hash-object", "-w", f"{folder}/stashed")
    os.unlink(f"{folder}/stashed")
    name = detached(host, "named")
    script = (f"printf '100644 blob {blob}\tgot\n' | git mktree --missing >/tmp/tree && "
              "git update-ref HEAD $(git -c user.name=a -c user.email=a@b commit-tree -p HEAD -m name $(cat /tmp/tree))")
    host.caisson("exec", "-w", folder, name, "--", "sh", "-c", script).expect()
    # Its own git cannot send it, so a git that says it has it stands in for a hostile one.
    send = ("cd /tmp && rm -rf r && git init -q r && cd r && git --git-dir=" + folder + "/.git rev-list --objects --missing=allow-any HEAD --not origin/main | "
            "cut -d' ' -f1 | grep -v " + blob + " | git --git-dir=" + folder + "/.git pack-objects -q --stdout >/tmp/pack")
    host.caisson("exec", "-w", folder, name, "--", "sh", "-c", send).expect()
    fake = "case \" $* \" in *\" pack-objects \"*) cat >/dev/null; exec cat /tmp/pack;; esac; exec /usr/bin/git \"$@\""
    host.caisson("exec", "-u", "root", name, "--", "sh", "-c", f"printf '#!/bin/sh\\n%s\\n' '{fake}' >/usr/local/bin/git; chmod 755 /usr/local/bin/git").expect()
    host.caisson("apply", name).error(125, "was neither given nor has sent")
    equal(git(folder, "rev-parse", "--verify", "--quiet", f"caisson/{name}", check=False), None, "the branch")
    host.caisson("rm", "-f", name).expect()


@case(image="base", timeout=900)
def a_tree_with_a_git_folder_in_it_is_refused(host):
    """G2: what git on another system, or of another age, would take for a repository."""
    folder = repository(host)
    name = detached(host, "tree")
    inside = ("exec", "-w", folder, name, "--", "sh", "-c")
    for entry in (".git", ".GIT", "git~1", "..", ".gitmodules"):
        mode = "120000" if entry == ".gitmodules" else "100644"
        script = (f"b=$(echo x | git hash-object -w --stdin); {{ printf '{mode} {entry}\\0'; printf $b | sed 's/../\\\\x&/g' >/tmp/hex; printf \"$(cat /tmp/hex)\"; }} >/tmp/tree; "
                  "t=$(git hash-object -t tree --literally -w /tmp/tree); git update-ref HEAD $(git -c user.name=a -c user.email=a@b commit-tree -p HEAD -m bad $t)")
        host.caisson("exec", "-w", folder, name, "--", "bash", "-c", script).expect()
        host.caisson("apply", name).error(125, "fsck")
        equal(git(folder, "rev-parse", "--verify", "--quiet", f"caisson/{name}", check=False), None, f"the branch after {entry!r}")
        host.caisson(*inside, "git update-ref HEAD origin/main").expect()
    host.caisson("rm", "-f", name).expect()


@case()
def an_image_without_git_says_so(host):
    repository(host)
    name = host.name("none")
    host.caisson("run", "--image", "tiny", "--name", name, "-w", ".:clone", "--", "sh", "-c", "cat readme; echo x >new").expect(
        out="hello\n", err_has=["there is no git in the sandbox", "changes that could not be counted"])
    host.caisson("rm", "-f", name).expect()
