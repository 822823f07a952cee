# SPDX-License-Identifier: Apache-2.0
"""@registries, @git and policy files: where they come from, and that a sandbox which may write there gains nothing by it."""

import os
import stat
import subprocess

import testnet
from harness import case, equal, true
from netprobe import PROBE, detached, inside, python


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


@case(image="base", network=True, timeout=600)
def what_a_sandbox_planted_is_neither_executed_nor_read(host):
    """N11: an npm in PATH and settings of package managers, in workspaces that the sandbox may write: not at the end of the run that
    planted them, not for the next one's @registries, and not by `policy allow`."""
    net = host.network
    net.names.update({"evil.example": [testnet.PUBLIC], "good.example": [testnet.PUBLIC]})
    port = net.serve_text("hello")
    dotfiles, ran = os.path.join(host.home, "dotfiles"), os.path.join(host.home, "ran")
    write(f"{dotfiles}/npmrc", "@x:registry=http://good.example:1/\n")
    write(f"{dotfiles}/pip/pip.conf", "[global]\nindex-url = http://good.example:1/\n")
    os.symlink("dotfiles/npmrc", f"{host.home}/.npmrc")
    os.symlink("dotfiles/pip", f"{host.home}/.pip")
    write(f"{host.home}/config/pip/pip.conf", f"[global]\nextra-index-url = http://good.example:{port}/\n")
    shared = ["-w", ".:rw", "-w", f"{dotfiles}:rw"]
    env = {"PATH": f"{host.work}/node_modules/.bin:{host.environment['PATH']}"}
    plant = PROBE + f'''
import os
def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
write("{host.work}/node_modules/.bin/npm", "#!/bin/sh\\necho x >> {ran}\\necho http://evil.example:{port}/\\n")
os.chmod("{host.work}/node_modules/.bin/npm", 0o755)
write("{host.work}/.npmrc", "registry=http://evil.example:{port}/\\n")
write("{dotfiles}/npmrc", "@x:registry=http://evil.example:{port}/\\n")
write("{dotfiles}/pip/pip.conf", "[global]\\nindex-url = http://evil.example:{port}/\\n")
print(probe("evil.example", {port}), probe("good.example", {port}))
'''
    done = host.caisson("run", *shared, "--", "python3", "-c", plant, env=env)
    # The hint reads what the sandbox has no part in, and executes nothing.
    done.expect(out="EAI_NONAME EAI_NONAME\n", err_has="'good.example' is a package registry of this machine's")
    true(os.access(f"{host.work}/node_modules/.bin/npm", os.X_OK), "nothing was planted")
    true("evil.example" in open(f"{dotfiles}/npmrc", encoding="utf-8").read(), "no settings were planted")
    ask = PROBE + f'print(probe("evil.example", {port}), probe("good.example", {port}))'
    host.caisson("run", *shared, "--allow", "@registries", "--", "python3", "-c", ask, env=env).expect(
        out="EAI_NONAME hello\n", err_has="is in the workspace, whose settings are not read")
    # A folder that was shared before is where the user stands now.
    host.caisson("run", "-w", f"{dotfiles}:ro", "--allow", "@registries", "--", "python3", "-c", ask, env=env).expect(out="EAI_NONAME hello\n")
    name = host.name("planted")
    host.caisson("run", "-d", "--name", name, *shared, "--", "sleep", "100000", env=env).expect()
    host.caisson("policy", "allow", name, "@registries", env=env).expect()
    inside(host, name, f'print(probe("evil.example", {port}), probe("good.example", {port}))').expect(out="EAI_NONAME hello\n")
    host.caisson("rm", "-f", name).expect()
    equal(os.path.exists(ran), False, "the planted npm was executed")


@case(image="base", network=True)
def a_running_sandbox_takes_groups(host):
    """`policy allow NAME @registries` and `@git`, which `run --allow` and `--net balanced` know too."""
    net = host.network
    net.names.update({"mirror.example": [testnet.PRIVATE], "git.example": [testnet.PUBLIC], "github.com": [testnet.PUBLIC_2]})
    port, remote = net.serve_text("hello"), net.serve_text("git")
    net.serve_text("code", 443)
    write(f"{host.home}/.npmrc", f"registry=http://mirror.example:{port}/\n")
    git = ["git", "-c", "init.defaultBranch=main", "-C", host.work]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "remote", "add", "origin", f"http://git.example:{remote}/x.git"], check=True)
    ask = f'print(probe("mirror.example", {port}), probe("git.example", {remote}), probe("github.com", 443))'
    name = detached(host, "groups")
    inside(host, name, ask).expect(out="EAI_NONAME EAI_NONAME EAI_NONAME\n")
    host.caisson("policy", "allow", name, "@registries").expect()
    inside(host, name, ask).expect(out="hello EAI_NONAME EAI_NONAME\n")
    host.caisson("policy", "allow", name, "github.com:443", "@git").expect()
    inside(host, name, ask).expect(out="hello git code\n")
    rules = host.caisson("policy", "ls", name).expect().out
    true(all(word in rules for word in ("@registries", "@git", f"git.example:{remote}", f"{testnet.PRIVATE}:{port}")), rules)
    host.caisson("policy", "deny", name, "@registries").error(125, "'@registries' cannot be denied", "by name")
    host.caisson("policy", "allow", name, "@nothing").error(125, "@nothing")
    host.caisson("rm", "-f", name).expect()
    python(host, ask, "--allow", "@git").expect(out="EAI_NONAME git EAI_NONAME\n")
    python(host, ask, "--net", "balanced").expect(out="hello git code\n", err="")


@case(image="tiny")
def a_policy_file_that_the_sandbox_could_write_is_refused(host):
    """In a workspace shared rw, or reached by a link in it; `policy learn` writes none there either. Elsewhere it is used."""
    write(f"{host.work}/p.toml", '[network]\nallow = ["example.com"]\n')
    write(f"{host.home}/outside.toml", '[network]\nallow = ["example.com"]\n')
    os.symlink(f"{host.home}/outside.toml", f"{host.work}/link.toml")
    run = ["run", "--image", "tiny"]
    for path in ("./p.toml", "./link.toml", f"{host.work}/p.toml"):
        host.caisson(*run, "-w", ".:rw", "--net", path, "--", "true").error(125, f"the policy file '{path}' is in the workspace", "(rw)",
                                                                           "keep the file outside of it")
    host.caisson("policy", "learn", "--image", "tiny", "-w", ".:rw", "--", "true").error(125, "'caisson-policy.toml' is in the workspace")
    host.caisson(*run, "-w", ".:rw", "--net", "../outside.toml", "--", "true").expect(err="")
    host.caisson(*run, "--net", "./p.toml", "--", "true").expect(err="")
    equal(host.sandboxes(), [], "sandboxes that are left")


@case(image="tiny")
def caissons_own_folders_are_in_no_workspace(host):
    """S10: a home that is shared rw has Caisson's data, cache, configuration and sockets in it, which stay absent whatever is unmasked,
    also where a link leads to them."""
    victim = host.name("victim")
    image = ["--image", "tiny"]
    host.caisson("run", "-d", "--name", victim, *image, "--", "sleep", "100000").expect()
    os.rename(host.data, f"{host.home}/moved")
    os.symlink("moved", host.data)
    policy = os.path.join(host.folder(victim), "policy.json")
    before = os.stat(policy)
    script = f'''
cd {host.home}
for place in data moved config run; do ls -A $place; done
for place in data/caisson moved/caisson config/caisson run/caisson; do
  mkdir $place 2>/dev/null && echo made $place
  echo x 2>/dev/null > $place/x && echo wrote $place
done
mv moved elsewhere 2>/dev/null && echo moved
rm data 2>/dev/null && echo removed
echo end
'''
    shared = ["-w", f"{host.home}:rw", "--unmask", "*", "--unmask", "**"]
    host.caisson("run", *image, *shared, "--", "sh", "-c", script).expect(out="end\n")
    equal((os.stat(policy).st_ino, stat.S_ISLNK(os.lstat(host.data).st_mode)), (before.st_ino, True), "the policy's file, and the link")
    own = os.path.join(host.home, "moved", "caisson", "sandboxes")
    host.caisson("run", *image, "-w", f"{own}:/own:ro", "--", "true").error(125, "cannot share", "Caisson's own")
    host.caisson("rm", "-f", victim).expect()
