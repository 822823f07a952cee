#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules about the source tree itself. Each check returns the places that break it.

usage: layering_test.py SOURCE_FOLDER [CHECK…]      (CHECK: one of CHECKS; all of them by default)
"""

import os
import re
import subprocess
import sys

# docs/design.md section 9: what a folder may include, besides itself. A test may include what its folder may.
LAYERS = {
    "base": set(),
    "sys": {"base"},
    "spec": {"base"},
    "link": {"base"},
    "image": {"sys", "spec", "base"},
    "vmm": {"sys", "image", "base"},
    "secrets": {"base"},
    "gate": {"link", "secrets", "spec", "base"},
    "config": {"gate", "image", "spec", "base"},
    "agents": {"gate", "image", "secrets", "spec", "base"},
    "share": {"sys", "link", "base"},
    "changes": {"share", "link", "sys", "base"},
    "clones": {"share", "sys", "base"},
    "engine": {"vmm", "image", "sys", "link", "spec", "base"},
    "keeper": {"engine", "gate", "share", "changes", "clones", "link", "spec", "base"},
    "guest": {"link", "base"},
    "hello": set(),
    # The command line prepares a sandbox (engine, image) before it has a keeper, and then talks the keeper's API.
    "cli": {"agents", "keeper", "changes", "clones", "config", "engine", "gate", "image", "link", "secrets", "spec", "sys", "base"},
    "bench": {"gate", "link", "base"},
}
# Only registry.cc knows the engines.
ENGINE_REGISTRY = "src/engine/registry.cc"
MAX_LINES = 500

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
# Of the system; but src/ is among the folders that are searched for these too.
SYSTEM_INCLUDE = re.compile(r"^\s*#\s*include\s+<([^>]+)>", re.M)
CODE = (".cc", ".h", ".c", ".py", ".sh", ".cmake", ".mjs", ".js")


def tracked_files(root):
    """What git tracks or would track; in a source archive without git, every file outside build/."""
    listed = subprocess.run(["git", "-C", root, "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            capture_output=True)
    if listed.returncode == 0:
        names = [os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
        return sorted({name for name in names if os.path.isfile(os.path.join(root, name))})
    found = []
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if name not in (".git", "build")]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in files]
    return sorted(found)


def read(root, name):
    with open(os.path.join(root, name), "rb") as file:
        return file.read()


def check_layers(root, names):
    for name in names:
        parts = name.split("/")
        if parts[0] != "src" or not name.endswith((".cc", ".h", ".c")) or len(parts) < 3:
            continue
        folder = parts[1]
        if folder not in LAYERS:
            yield f"{name}: the folder src/{folder} is not in the layers (docs/design.md section 9, tests/layering_test.py)"
            continue
        text = read(root, name).decode()
        for included in SYSTEM_INCLUDE.findall(text):
            if os.path.exists(os.path.join(root, "src", included)):
                yield f'{name}: includes <{included}>, which is ours and is included as "{included}"'
        for included in INCLUDE.findall(text):
            target = included.split("/")[0]
            if not os.path.exists(os.path.join(root, "src", included)):
                # Protocol and generated headers come from the system with <>; ours are named from src/.
                yield f'{name}: includes "{included}", which is not a file below src/'
            elif target != folder and target not in LAYERS[folder]:
                yield f"{name}: src/{folder} must not include src/{target}"
            elif included.startswith("engine/") and included.count("/") >= 2 and name != ENGINE_REGISTRY:
                own = "/".join(parts[1:3]) if len(parts) > 3 else ""
                if not included.startswith(own + "/") or not own:
                    yield f"{name}: includes another engine's header {included}"


# Written in pieces, so that this file does not break its own rule.
FORBIDDEN = {
    "a package registry's host name": re.compile("|".join(["deb" + r"\.debian\.org", "registry" + r"\.npmjs", "pypi" + r"\.org", "security" + r"\.debian\.org",
                                                          "proxy" + r"\.golang", "static" + r"\.crates\.io"])),
    "a path of the machine it was written on": re.compile(r"/(" + "work" + r"/(main|shared)|tmp/" + "b-" + r"|home/[a-z]+/)"),
    "a note of work to do": re.compile(r"\b(TO" + "DO|FIX" + r"ME|XX" + r"X)\b"),
}
# Places where such a text is meant: a path inside the guest in documents and tests, and a reader's own.
ALLOWED = {("a path of the machine it was written on", "/home/agent/"), ("a path of the machine it was written on", "/home/you/")}


def check_hygiene(root, names):
    for name in names:
        data = read(root, name)
        if name.startswith("tests/corpus/") or name == "LICENSE" or b"\0" in data:
            continue
        try:
            text = data.decode()
        except UnicodeDecodeError:
            yield f"{name}: is not UTF-8"
            continue
        lines = text.split("\n")
        is_code = name.endswith(CODE) or text.startswith("#!")
        if is_code and not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:3]):
            yield f"{name}: has no SPDX line at its top"
        if is_code and len(lines) > MAX_LINES:
            yield f"{name}: has {len(lines)} lines, look for the second subject past {MAX_LINES}"
        for number, line in enumerate(lines, 1):
            if "\t" in line and not name.endswith((".md", ".txt")):
                yield f"{name}:{number}: a tab"
            for what, pattern in FORBIDDEN.items():
                for hit in pattern.finditer(line):
                    if (what, hit.group(0)) not in ALLOWED:
                        yield f"{name}:{number}: {what}: {hit.group(0)}"


LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE_FENCE = re.compile(r"^```.*?^```", re.M | re.S)


def anchors_of(text):
    """GitHub's anchors of a document's headings."""
    headings = re.findall(r"^#+ +(.+?)\s*$", CODE_FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")).replace(" ", "-") for heading in headings}


def check_links(root, names):
    cases = {found for name in names if name.startswith("tests/e2e/cases_") for found in re.findall(r"^def (\w+)\(host", read(root, name).decode(), re.M)}
    for name in names:
        if not name.endswith(".md"):
            continue
        text = read(root, name).decode()
        for link in LINK.findall(CODE_FENCE.sub("", text)):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
            if not os.path.exists(os.path.join(root, target)):
                yield f"{name}: the link {link} leads nowhere"
            elif anchor and target.endswith(".md") and anchor not in anchors_of(read(root, target).decode()):
                yield f"{name}: {target} has no heading #{anchor}"
        # The tests that a document names are there.
        for case in re.findall(r"`e2e\.([a-z0-9_]+)`", text):
            if case not in cases:
                yield f"{name}: there is no end-to-end case {case}"
        # Paths of the tree named in back-quotes are links too.
        for path in re.findall(r"`((?:src|docs|tests|scripts|cmake)/[\w./-]+)`", text):
            if not os.path.exists(os.path.join(root, path.rstrip("/"))):
                yield f"{name}: `{path}` does not exist"


MODEL = "docs/threat-model.md"
CLAIM = re.compile(r"^\| ([A-Z]\d+) \|.*\| (.+) \|$", re.M)
UNIT_TESTS = re.compile(r"`src/(\w+)` \(([^)]*)\)|`src/(\w+)`(?! \()")


def unit_tests(root, names):
    """By folder: "Suite.Name" of each, without the "Test" that a fixture's name may end with."""
    found = {}
    for name in names:
        if name.startswith("src/") and name.endswith("_test.cc"):
            for suite, case in re.findall(r"^TEST(?:_[FP])?\((\w+?)(?:Test)?, (\w+)\)", read(root, name).decode(), re.M):
                found.setdefault(name.split("/")[1], set()).add(f"{suite}.{case}")
    return found


def check_claims(root, names):
    """Each claim of the threat model names tests that there are: `Suite`, `Suite.Name` or `Name` behind the folder of a unit test."""
    if MODEL not in names:
        return
    tests = unit_tests(root, names)
    for claim, checked_by in CLAIM.findall(read(root, MODEL).decode()):
        if "`" not in checked_by and not re.search(r"\b[A-Z]\d|at the end of every", checked_by):
            yield f"{MODEL}: {claim} names no test"
        # Fuzz targets are named by their folder.
        of_units = re.sub(r"fuzz targets of `src/\w+`", "", checked_by)
        for folder, listed, bare in UNIT_TESTS.findall(of_units):
            if bare:
                yield f"{MODEL}: {claim} names no unit test of src/{bare}"
            for test in re.findall(r"`([\w.]+)`", listed):
                if not any(test in (one, *one.split(".")) for one in tests.get(folder, ())):
                    yield f"{MODEL}: {claim} names `{test}`, which is no unit test of src/{folder}"
        for target in re.findall(r"`(\w+_fuzz)`", checked_by):
            if not any(name.startswith("src/") and name.endswith(f"/{target}.cc") for name in names):
                yield f"{MODEL}: {claim} names `{target}`, which is no fuzz target"


PACKAGES = "scripts/packages.txt"
DOCTOR = "src/cli/host_check.cc"
# Every Debian has these, so packages.txt does not name them.
ESSENTIAL = {"apt", "dpkg"}


def check_packages(root, names):
    """`caisson doctor` looks for a program of each package that Caisson needs to run, and of no other."""
    if PACKAGES not in names or DOCTOR not in names:
        return
    section = re.search(r"^\[run\]$(.*?)(?=^\[|\Z)", read(root, PACKAGES).decode(), re.M | re.S)
    lines = section.group(1).split("\n") if section else []
    needed = {line.split(":")[0] for line in lines if line and not line.startswith("#")}
    table = re.search(r"kPrograms\[\] = \{(.*?)^\};", read(root, DOCTOR).decode(), re.M | re.S)
    looked_for = set(re.findall(r'\{"[^"]+",\s*"([^"]+)"', table.group(1))) if table else set()
    for package in sorted(needed - looked_for):
        yield f"{DOCTOR}: doctor looks for no program of {package}, which {PACKAGES} has under [run]"
    for package in sorted(looked_for - needed - ESSENTIAL):
        yield f"{PACKAGES}: [run] does not have {package}, which doctor looks for"


PROTOCOL = "docs/protocol.md"
SERVICES = "src/link/services.h"


def check_protocol(root, names):
    """The document is of the protocol's version that the code speaks."""
    if PROTOCOL not in names or SERVICES not in names:
        return
    # Its title, and the example of hello's answer.
    said = re.findall(r"(?:Version of the protocol: |`protocol` \()(\d+)", read(root, PROTOCOL).decode())
    spoken = re.search(r"kProtocolVersion = (\d+);", read(root, SERVICES).decode())
    for version in said or [None]:
        if not spoken or version != spoken.group(1):
            yield f"{PROTOCOL}: is of version {version}, {SERVICES} of version {spoken and spoken.group(1)}"


DESIGN = "docs/design.md"


def check_design(root, names):
    """Section 9 of the design has the folders of LAYERS, with what each may include (base is not said)."""
    if DESIGN not in names:
        return
    rows = re.findall(r"^    src/(\w+) +\S.*? {2,}(\S.*)$", read(root, DESIGN).decode(), re.M)
    said = {folder: set(layers.split(", ")) - {"base", "nothing of ours"} for folder, layers in rows}
    for folder in sorted(said.keys() | LAYERS.keys()):
        allowed = LAYERS.get(folder)
        if folder not in said or allowed is None:
            yield f"{DESIGN}: src/{folder} is {'in no row of section 9' if allowed is not None else 'not in the layers of tests/layering_test.py'}"
        elif said[folder] != allowed - {"base"}:
            yield f"{DESIGN}: says that src/{folder} may include {sorted(said[folder])}, tests/layering_test.py {sorted(allowed - {'base'})}"


CHECKS = {"layers": check_layers, "hygiene": check_hygiene, "links": check_links, "claims": check_claims, "packages": check_packages,
          "protocol": check_protocol, "design": check_design}


def main():
    # For tests/CMakeLists.txt: a test for each.
    if sys.argv[1:] == ["--list"]:
        print(";".join(CHECKS), end="")
        return 0
    root = sys.argv[1]
    names = tracked_files(root)
    problems = [problem for check in sys.argv[2:] or CHECKS for problem in CHECKS[check](root, names)]
    print("\n".join(problems) or f"{len(names)} files are in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
