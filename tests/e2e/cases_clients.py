# SPDX-License-Identifier: Apache-2.0
"""The programs that fetch things, as a user has them: from this machine's own package registries, which no file of the project names,
and from a git server and a package index in a network of the case's own. In a sandbox, and in builds of its Docker Engine."""

import base64
import hashlib
import io
import json
import os
import ssl
import subprocess
import tarfile
import zipfile

import testnet
from cases_http import certificate, requests_in_log
from gitserver import head_of, make_repository, serve_git
from harness import Skipped, case, equal, true, write


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


# Prints what npm is made of, as Debian has it: a tenth of the files that its modules for Node are in all.
FILES_OF_NPM = r'''
import re, subprocess
NAMES = r"(?:^|[,|] )([a-z0-9.+-]+)"
needs, providers = {}, {}
for entry in open("/var/lib/dpkg/status").read().strip().split("\n\n"):
    fields = dict(re.findall("^(Package|Provides|Depends): (.*)$", entry, re.M))
    needs[fields["Package"]] = re.findall(NAMES, fields.get("Depends", ""))
    providers.update((name, fields["Package"]) for name in re.findall(NAMES, fields.get("Provides", "")))
wanted, left = set(), ["npm", "nodejs"]
while left:
    name = left.pop()
    name = name if name in needs else providers.get(name, "")
    if name not in wanted and re.match("npm$|node|libnode", name):
        wanted.add(name)
        left += needs[name]
for path in sorted(set(subprocess.run(["dpkg", "-L", *wanted], check=True, capture_output=True, text=True).stdout.split("\n"))):
    if re.match("/usr/bin/npm$|/usr/share/(nodejs/|npm)", path):
        print(path[1:])
'''

# A tar of what apt-get and npm need, as the sandbox has it, and no certificates.
OWN_ROOT = r'''
own_root() {
  programs=$(for name in sh bash env cat rm mkdir tar diff dpkg dpkg-deb dpkg-split dpkg-query apt-get ldconfig start-stop-daemon node; do
    command -v $name; done)
  files=$(for file in $programs /usr/lib/apt/methods/* /usr/lib/x86_64-linux-gnu/libnss_dns.so.2; do
    echo $file; ldd $file 2>/dev/null | grep -o '/[^ ]*' || true; done | sed 's#^/lib#/usr/lib#' | sort -u)
  python3 - > /tmp/modules <<'END'
''' + FILES_OF_NPM + r'''
END
  tar -cf - -C / --no-recursion tmp root var/cache/apt/archives var/lib/apt/lists var/log/apt -T /tmp/modules --recursion bin sbin lib lib64 \
    etc/passwd etc/group etc/nsswitch.conf etc/apt usr/lib/apt var/lib/dpkg usr/share/dpkg root/.npmrc \
    $({ echo "$files"; readlink -f $files; } | sort -u | grep -v ^/usr/lib/apt/ | cut -c2-)
}
'''


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


def serve_apt(net, folder):
    """A flat repository of one package, `little`, which has a program of that name. Its port."""
    os.makedirs(f"{folder}/little/DEBIAN")
    os.makedirs(f"{folder}/little/usr/bin")
    control = "Package: little\nVersion: 1.5\nArchitecture: all\nMaintainer: Test <test@example.com>\nDescription: a test\n"
    with open(f"{folder}/little/DEBIAN/control", "w", encoding="utf-8") as file:
        file.write(control)
    program = f"{folder}/little/usr/bin/little"
    with open(program, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\necho of apt\n")
    os.chmod(program, 0o755)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", f"{folder}/little", f"{folder}/little.deb"], check=True, capture_output=True)
    with open(f"{folder}/little.deb", "rb") as file:
        package = file.read()
    index = f"{control}Filename: ./little.deb\nSize: {len(package)}\nSHA256: {hashlib.sha256(package).hexdigest()}\n"
    return net.serve_files({"/./Packages": ("text/plain", index.encode()), "/./little.deb": ("application/octet-stream", package)})[0]


def serve_npm(net, host_name, wrap):
    """A registry of one package, `little`. Its port."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for path, text in (("package/package.json", '{"name": "little", "version": "1.5.0"}'), ("package/index.js", 'module.exports = "of npm";\n')):
            entry = tarfile.TarInfo(path)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    package = content.getvalue()
    files = {"/little-1.5.0.tgz": ("application/octet-stream", package)}
    port, _ = net.serve_files(files, wrap)
    digest = "sha512-" + base64.b64encode(hashlib.sha512(package).digest()).decode()
    version = {"name": "little", "version": "1.5.0",
               "dist": {"tarball": f"https://{host_name}:{port}/little-1.5.0.tgz", "integrity": digest}}
    about = {"name": "little", "dist-tags": {"latest": "1.5.0"}, "versions": {"1.5.0": version}}
    files["/little"] = ("application/json", json.dumps(about).encode())
    return port


@case(image="base", network=True, timeout=2400, processors=2)
def apt_and_npm_install_through_the_gate_in_builds_too(host):
    """A company's registries at a private address, npm's inside TLS by an authority of the machine's administrator. In a sandbox, and in
    the steps of a build of its Docker Engine, whose Dockerfile does not speak of the network."""
    net = host.network
    net.names.update({"apt.corp.example": [testnet.PRIVATE], "npm.corp.example": [testnet.PRIVATE]})
    certificates = make_folder(host, "certificates")
    net.trust_as_administrator(certificate(certificates, "authority")[1])
    apt = f"deb [trusted=yes] http://apt.corp.example:{serve_apt(net, make_folder(host, 'apt'))} ./\n"
    npm = f"registry=https://npm.corp.example:{serve_npm(net, 'npm.corp.example', tls(certificates, 'npm.corp.example'))}/\n"
    name = host.name("install")
    host.caisson("run", "-d", "--name", name, "-u", "root", "--", "sleep", "100000").expect()
    # After the start: base images are made from the same list.
    os.makedirs(f"{host.home}/config/caisson", exist_ok=True)
    for path, text in ((f"{host.home}/config/caisson/apt.list", apt), (f"{host.home}/.npmrc", npm)):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    host.caisson("policy", "allow", name, "@registries").expect()
    install = """apt-get update -q >/dev/null && apt-get install -qy little >/dev/null 2>&1 && little && \\
  mkdir /app && cd /app && npm install --no-audit --no-fund --no-update-notifier --loglevel=error little >/dev/null && node -p 'require("little")'"""
    script = f'''
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
echo '{apt.strip()}' > /etc/apt/sources.list
echo '{npm.strip()}' > /root/.npmrc
{OWN_ROOT}
own_root | docker import - own:1 >/dev/null
{install}
mkdir /tmp/build && cd /tmp/build
cat > Dockerfile <<'END'
FROM own:1
RUN ( {install} ) > /said
END
docker build -q -t built . >/dev/null
docker create --name made built true >/dev/null
docker cp made:/said - | tar -xO
'''
    host.caisson("exec", "-u", "root", name, "--", "bash", "-ec", script, timeout=2300).expect(out="of apt\nof npm\n" * 2)
    host.caisson("rm", "-f", name).expect()


def make_wheel(folder, name, version):
    path = os.path.join(folder, f"{name}-{version}-py3-none-any.whl")
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", f"version = '{version}'\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


def serve_index(net, wheel, wrap):
    """A package index (PEP 503) of one package. Returns (port, the paths that were asked for)."""
    with open(wheel, "rb") as file:
        content = file.read()
    name = os.path.basename(wheel)
    page = f'<!DOCTYPE html><a href="../../files/{name}#sha256={hashlib.sha256(content).hexdigest()}">{name}</a>'.encode()
    return net.serve_files({f"/simple/{name.split('-')[0]}/": ("text/html", page), f"/files/{name}": ("application/octet-stream", content)}, wrap)


# Is pip, and writes down which files of Python's that took: python3 FILE LIST ARGUMENT…
PIP_WITH_FILES = r'''
import os, pip, runpy, sys
listed = sys.argv.pop(1)
try:
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
except SystemExit as end:
    if end.code:
        raise
files = {getattr(module, what, None) for module in list(sys.modules.values()) for what in ("__file__", "__cached__")}
files.add(os.path.join(os.path.dirname(pip.__file__), "__main__.py"))
with open(listed, "w") as out:
    out.writelines(file + "\n" for file in sorted(file for file in files if file and os.path.isfile(file) and file != __file__))
'''

# An image fetchers:1 of git, and of Python with what is in the list /tmp/modules, as the sandbox has them: with Python's compiled files,
# which to make anew takes a minute of an emulated processor. It trusts nobody.
FETCHERS_IMAGE = r'''
fetchers_image() {
  programs="/bin/sh /usr/bin/python3.11 /usr/bin/git /usr/lib/git-core/git-remote-https"
  mkdir -p /tmp/root/etc/ssl/certs && echo > /tmp/root/etc/ssl/certs/ca-certificates.crt
  { cat /tmp/modules; ls $programs; ldd $programs $(grep '\.so$' /tmp/modules) | grep -o '/[^ ]* '; } | tr -d ' ' | sort -u | cut -c2- > /tmp/files
  tar -chf - -C / --no-recursion -T /tmp/files tmp --recursion -C /tmp/root etc | docker import - fetchers:1 >/dev/null
}
'''


@case(image="base", network=True, timeout=900, processors=2)
def pip_and_git_fetch_through_the_gate_in_builds_too(host):
    """A company's index at a private address, which the user's pip settings name, and a git server, which the workspace's remote is:
    @registries and @git are enough. Their certificates are by an authority of the machine's administrator. In a sandbox, and in a step
    of a build of its Docker Engine, whose image knows nothing of any of it."""
    net = host.network
    net.names.update({"index.corp.example": [testnet.PRIVATE], "git.example.com": [testnet.PUBLIC]})
    certificates, repositories = make_folder(host, "certificates"), make_folder(host, "repositories")
    net.trust_as_administrator(certificate(certificates, "authority")[1])
    make_repository(repositories, "both")
    index, seen = serve_index(net, make_wheel(host.home, "little", "1.5"), tls(certificates, "index.corp.example"))
    write(os.path.join(host.environment["XDG_CONFIG_HOME"], "pip/pip.conf"),
          f"[global]\nindex-url = https://user:secret@index.corp.example:{index}/simple/\n")
    url = f"https://git.example.com:{serve_git(net, repositories, tls(certificates, 'git.example.com'))}/both.git"
    subprocess.run(["git", "-c", "init.defaultBranch=main", "-C", host.work, "init", "-q"], check=True)
    subprocess.run(["git", "-C", host.work, "remote", "add", "origin", url], check=True)
    pip = f"-q --disable-pip-version-check download --no-cache-dir -i https://index.corp.example:{index}/simple/ -d"
    script = f'''
cd /tmp
cat > fetch.py <<'END'
{PIP_WITH_FILES}
END
python3 fetch.py /tmp/modules {pip} /tmp/down little
ls down
git clone -q {url} clone
cat clone/first
{FETCHERS_IMAGE}
fetchers_image
mkdir build && cd build
cat > Dockerfile <<'END'
FROM fetchers:1
RUN python3.11 -m pip {pip} /down little && git clone -q {url} /clone && cd /down && echo * > /said && read line < /clone/first && echo $line >> /said
END
DOCKER_BUILDKIT=1 docker build -q -t built . >/dev/null
docker create --name made built /bin/sh >/dev/null
docker cp made:/said - | tar -xO
'''
    host.caisson("run", "--allow", "@registries", "--allow", "@git", "-u", "root", "--", "bash", "-ec", script, timeout=800).expect(
        out="little-1.5-py3-none-any.whl\nfirst\n" * 2, err_lacks="refused")
    equal(seen, ["/simple/little/", "/files/little-1.5-py3-none-any.whl"] * 2, "requests at the index")
