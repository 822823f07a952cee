# SPDX-License-Identifier: Apache-2.0
"""What an agent does all day, whole: a project is copied in, built, tested and copied out; an image is built, run and served."""

import contextlib
import glob
import gzip
import http.client
import json
import os
import re
import secrets
import subprocess
import tarfile

import images
from harness import case, equal, fail, true, wait_until
from registry import Registry, tar_of

HERE = os.path.dirname(os.path.abspath(__file__))


class Project:
    """A sandbox with a copy of a folder of this machine, and commands in it (the user is the image's: agent)."""

    def __init__(self, host, label, source, *options):
        self.host, self.name, self.folder = host, host.name(label), f"/home/agent/{label}"
        host.caisson("run", "-d", "--name", self.name, *options, "--", "sleep", "infinity").expect(out=f"{self.name}\n")
        host.caisson("cp", source, f"{self.name}:{self.folder}").expect(out="", err="")

    def exec(self, *command, options=(), stdin=b""):
        # Minutes on an emulated processor that other cases share: only what hangs is to end here.
        return self.host.caisson("exec", "-w", self.folder, *options, self.name, "--", *command, stdin=stdin, timeout=1200)

    def copy_out(self, path):
        """A file or folder of the project, into the case's HOME; its path there."""
        target = os.path.join(self.host.home, os.path.basename(path))
        self.host.caisson("cp", f"{self.name}:{self.folder}/{path}", target).expect(out="", err="")
        return target

    def remove(self):
        self.host.caisson("rm", "-f", self.name).expect()


def fetch_source(host, package):
    """A Debian source package, unpacked and patched, from the mirror that this machine has its packages from: apt with
    lists, cache and sources of the case's own, as machines seldom have the sources' lists."""
    apt = os.path.join(host.home, "apt")
    for below in ("sources", "lists/partial", "cache/archives/partial", "unpacked"):
        os.makedirs(os.path.join(apt, below))
    for path in ["/etc/apt/sources.list", *glob.glob("/etc/apt/sources.list.d/*")]:
        if path.endswith((".list", ".sources")) and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                text = re.sub(r"^deb\s", "deb-src ", file.read(), flags=re.M)
            with open(os.path.join(apt, "sources", os.path.basename(path)), "w", encoding="utf-8") as file:
                file.write(re.sub(r"^Types:.*$", "Types: deb-src", text, flags=re.M | re.I))
    with open(f"{apt}/apt.conf", "w", encoding="utf-8") as file:
        # What the machine does after an update of its own lists is not to be done after this one. The user that apt
        # fetches as otherwise cannot go into the case's HOME.
        file.write(f'#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\nAPT::Sandbox::User "root";\n'
                   f'Dir::Etc::SourceList "{apt}/none";\nDir::Etc::SourceParts "{apt}/sources";\n'
                   f'Dir::State::Lists "{apt}/lists";\nDir::Cache "{apt}/cache";\n')
    said = ""
    for action in (["update"], ["source", package]):
        done = subprocess.run(["apt-get", "-q", "-c", f"{apt}/apt.conf", *action], cwd=f"{apt}/unpacked", text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said += done.stdout
    folders = [entry.path for entry in os.scandir(f"{apt}/unpacked") if entry.is_dir()]
    if done.returncode != 0 or len(folders) != 1:
        fail(f"apt could not get the source of {package}:\n{said}")
    return folders[0]


@case(image="base", timeout=1800, processors=2)
def a_real_project_is_built_and_tested(host):
    """zlib, as Debian has it: its configure script, its makefile, its own tests; then what was built is used, inside and here."""
    source = fetch_source(host, "zlib")
    with open(f"{source}/ChangeLog", "rb") as file:
        text = file.read()
    with open(f"{source}/zlib.h", encoding="utf-8") as file:
        version = re.search(r'^#define ZLIB_VERSION "(.*)"$', file.read(), re.M).group(1)

    project = Project(host, "zlib", source)
    project.exec("id", "-un").expect(out="agent\n")
    project.exec("./configure").expect(out_has="Checking for gcc")
    project.exec("make", "-j2").expect()
    project.exec("make", "test").expect(
        out_has=[f"zlib version {version}", "*** zlib test OK ***", "*** zlib shared test OK ***", "*** zlib 64-bit test OK ***"])

    packed = project.exec("./minigzip", "-9", stdin=text).expect(err="").raw
    true(len(packed) < len(text) / 2, f"{len(text)} bytes were packed into {len(packed)}")
    equal(gzip.decompress(packed), text, "what was packed inside and unpacked here")
    equal(project.exec("./minigzip", "-d", stdin=gzip.compress(text)).expect(err="").raw, text, "what was packed here and unpacked inside")

    program, library = project.copy_out("minigzip"), project.copy_out(f"libz.so.{version}")
    equal(subprocess.run([program, "-9"], input=text, capture_output=True, check=True).stdout, packed, "the program's output here")
    script = "import ctypes, sys; zlib = ctypes.CDLL(sys.argv[1]); zlib.zlibVersion.restype = ctypes.c_char_p; print(zlib.zlibVersion().decode())"
    equal(subprocess.run(["python3", "-c", script, library], capture_output=True, check=True, text=True).stdout, f"{version}\n", "the library's version")

    # A change that breaks it is built and noticed.
    project.exec("sed", "-i", "s/return uncompress2(.*/return Z_DATA_ERROR;/", "uncompr.c").expect()
    project.exec("make", "test").expect(code=2, out_has="*** zlib test FAILED ***", err_has="uncompress error: -3")
    project.remove()


def get(port, path):
    # Not urllib, which would ask a proxy that this machine may have.
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@case(image="base", timeout=1800, processors=2)
def an_image_is_built_and_served(host):
    """site/: compiled inside, built with docker, run, served with docker-compose, asked from here through a published port."""
    project = Project(host, "site", f"{HERE}/site", "-p", "127.0.0.1:0:8080")
    port = host.inspect(project.name)["ports"][0]["host_port"]
    project.exec("gcc", "-O2", "-static", "-o", "serve", "serve.c").expect()

    built, served = secrets.token_hex(16), secrets.token_hex(16)
    project.exec("docker", "build", "--build-arg", f"GREETING={built}", "-t", "site", ".").expect(out_has="Successfully tagged site:latest")
    project.exec("docker", "run", "--rm", "site", "/serve", "show").expect(out=f"{built}\n", err="")
    project.exec("docker", "run", "--rm", "site", "/hello").expect(out_has="Hello from Caisson!")
    project.exec("docker", "run", "--rm", "site", "/serve", "nonsense").expect(code=2, out="")
    project.exec("docker", "save", "-o", "site.tar", "site").expect()
    with tarfile.open(project.copy_out("site.tar")) as archive:
        equal(json.load(archive.extractfile("manifest.json"))[0]["RepoTags"], ["site:latest"], "the tags in the saved image")

    compose = ("docker-compose", "--ansi", "never")
    project.exec("mkdir", "out").expect()
    project.exec(*compose, "up", "-d", "--build", options=("-e", f"GREETING={served}")).expect()

    def ready():
        # Docker's proxy takes connections before the program in the container does.
        try:
            return get(port, "/ready")
        except (OSError, http.client.HTTPException):
            return None

    equal(wait_until(ready, "an answer of the container", seconds=300), (200, f"{served}\n"), "the answer")
    paths = [f"/page/{number}" for number in range(5)]
    for path in paths:
        equal(get(port, path), (200, f"{served}\n"), f"the answer to {path}")
    # One container finds the other by its service's name.
    project.exec(*compose, "run", "--rm", "site", "/serve", "ask", "site", options=("-e", f"GREETING={served}")).expect(out_has=f"\r\n\r\n{served}\n")
    with open(f"{project.copy_out('out')}/requests", encoding="utf-8") as file:
        equal([path for path in file.read().split() if path != "/ready"], [*paths, "/neighbour"], "the requests that the container noted")

    project.exec(*compose, "down", options=("-e", f"GREETING={served}")).expect()
    equal(ready(), None, "an answer after docker-compose down")
    project.exec("docker", "ps", "-aq").expect(out="")
    project.remove()


@case(own_cache=True, timeout=900)
def an_image_of_a_registry_is_imported_and_runs(host):
    """docker://: a registry on this machine that speaks plain HTTP; two layers, the second of which removes a file of the first."""
    images.copy_kernel(os.environ["CAISSON_TEST_CACHE"], host.cache)
    images.make_busybox_tar(f"{host.home}/busybox.tar")
    with open(f"{host.home}/busybox.tar", "rb") as file:
        system = file.read()
    registry = Registry()
    change = tar_of({"greeting": "hello\n", "etc/.wh.not-executable": ""})
    registry.add("tests/whole:v1", [system, change], Env=["FROM=the image"], WorkingDir="/etc")
    _, spoilt = registry.add("tests/spoilt:v1", [system, tar_of({"greeting": "bye\n"})])
    registry.blobs[spoilt] = registry.blobs[spoilt][:-1] + b"!"

    with registry.served() as address:
        host.caisson("image", "import", "whole", f"docker://{address}/tests/whole:v1").expect()
        for name, tag in (("spoilt", "v1"), ("whole", "v2"), ("none", "v1")):
            source = f"docker://{address}/tests/{name}:{tag}"
            host.caisson("image", "import", "broken", source).expect(code=125, out="", err_has=f"cannot fetch '{source}': skopeo exited with ")
    equal([image["name"] for image in host.caisson("image", "ls", "--json").expect().json()], ["whole"], "images")
    equal([name for name in os.listdir(f"{host.cache}/caisson/tmp") if name != ".lock"], [], "what is left of the imports")
    # The registry is gone, and the image complete.
    script = 'pwd; cat /greeting; echo "$FROM"; ls'
    run = host.caisson("run", "-w", "none", "--image", "whole", "--cpus", "1", "--memory", "256M", "--", "sh", "-c", script, timeout=600)
    run.expect(out_has="/etc\nhello\nthe image\n")
    true("not-executable" not in run.out, "the second layer's whiteout removed nothing")
