# SPDX-License-Identifier: Apache-2.0
"""The programs that fetch things, as a user has them: from this machine's own package registries, which no file of the project names,
and from a git server in a network of the case's own."""

import os
import ssl
import subprocess

import testnet
from cases_http import certificate, requests_in_log
from gitserver import head_of, make_repository, serve_git
from harness import Skipped, case, equal, true


def apt_or_skip():
    if subprocess.run(["apt-get", "update", "-q", "-o", "APT::Update::Error-Mode=any"], capture_output=True, check=False).returncode != 0:
        raise Skipped("apt reaches no package registry here")


def npm_or_skip():
    if subprocess.run(["npm", "view", "is-number", "version"], capture_output=True, check=False).returncode != 0:
        raise Skipped("npm reaches no package registry here")


@case(image="base", timeout=1200, processors=2, may_skip="no package registry is reachable")
def apt_installs_through_the_gate(host):
    apt_or_skip()
    script = "apt-get update -q >/dev/null; apt-get install -qy hello >/dev/null 2>&1; hello"
    host.caisson("run", "--allow", "@registries", "-u", "root", "--", "sh", "-ec", script, timeout=1000).expect(
        out="Hello, world!\n", err_lacks="refused")


@case(image="base", timeout=1200, processors=2, may_skip="no package registry is reachable")
def npm_installs_through_the_gate(host):
    """A set of some sixty packages."""
    npm_or_skip()
    script = '''
mkdir app && cd app
npm install --no-audit --no-fund --loglevel=error express@4 >&2
node -e 'console.log(typeof require("express")().listen, require("fs").readdirSync("node_modules").length > 30)'
'''
    name = host.name("npm")
    host.caisson("run", "--name", name, "--allow", "@registries", "--", "sh", "-ec", script, timeout=1000).expect(
        out="function true\n", err_lacks="refused", err_has=" files added: `caisson diff")
    host.caisson("rm", "-f", name).expect()


def tls(folder, name):
    """What makes TLS connections for this name, by the authority of the folder."""
    key, pem = certificate(folder, name, "authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return lambda connection: context.wrap_socket(connection, server_side=True)


def make_folder(host, name):
    path = os.path.join(host.home, name)
    os.mkdir(path)
    return path


# Arguments: a URL, what a file is called, and its bytes: 1.5 MB are too many for git to send them in one piece.
CLONE_AND_PUSH = r'''
rm -rf one && git clone -q "$1" one && cd one
head -c "$3" /dev/urandom > "$2" && git add . && git commit -q -m "$2" && git push -q origin main && cd ..
rm -rf two && git clone -q "$1" two && ls two | tr '\n' ' '
cd one && git commit -q --allow-empty -m "more $2" && git push -q && cd ../two && git fetch -q && git log -1 --format=%s origin/main && cd ..
'''


@case(image="base", network=True, timeout=1800, processors=2)
def git_clones_fetches_and_pushes_through_the_gate(host):
    """N13, N14, N4: over plain HTTP, inside TLS with each request judged, and from the host's own loopback; rules can let a sandbox
    fetch and not push."""
    net = host.network
    net.names["git.example.com"] = [testnet.PUBLIC]
    certificates, repositories = make_folder(host, "certificates"), make_folder(host, "repositories")
    net.trust(certificate(certificates, "authority")[1])
    both, read = make_repository(repositories, "both"), make_repository(repositories, "read")
    plain = serve_git(net, repositories)
    secure = serve_git(net, repositories, tls(certificates, "git.example.com"))
    place = f"git.example.com:{secure}"
    name = host.name("git")
    rules = [f"git.example.com:{plain}", f"host.caisson.internal:{plain}", f"{place} GET,POST /both.git/**", f"{place} GET /read.git/info/refs",
             f"{place} POST /read.git/git-upload-pack"]
    host.caisson("run", "-d", "--name", name, *[word for rule in rules for word in ("--allow", rule)], "--", "sleep", "100000").expect()
    script = f'''
export GIT_AUTHOR_NAME=Agent GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=Agent GIT_COMMITTER_EMAIL=a@example.com
clone_and_push() {{ {CLONE_AND_PUSH} }}
clone_and_push http://git.example.com:{plain}/both.git plain 1000
clone_and_push https://{place}/both.git secure 1500000
clone_and_push http://host.caisson.internal:{plain}/both.git loopback 1000
git clone -q https://{place}/read.git read && cd read && cat first
git commit -q --allow-empty -m no && ! git push -q 2>error && grep -o "error: 403" error
'''
    host.caisson("exec", name, "--", "bash", "-ec", script, timeout=1700).expect(out="first plain more plain\nfirst plain secure more secure\n"
                                                                                   "first loopback plain secure more loopback\nfirst\nerror: 403\n")
    equal((head_of(both), head_of(read)), ("more loopback", "first"), "the last commits at the server")
    told = requests_in_log(host, name)
    true(("refused", "POST", "/read.git/git-receive-pack", 403) in told, f"no refusal in {told}")
    true(("allowed", "POST", "/both.git/git-receive-pack", 200) in told, f"no push in {told}")
    host.caisson("rm", "-f", name).expect()
