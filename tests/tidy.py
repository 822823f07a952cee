#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tidy.py TREE FOLDER: clang-tidy over src/FOLDER's sources (tests left out), with the compile commands of the tree TREE.

TREE compiles a library as one (cmake/caisson.cmake): looking at it like that takes a tenth of the time. What was clean is not looked at
again until a source of it, a header of ours or .clang-tidy changes.
"""
import hashlib
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def compilations(tree, folder):
    """The files that TREE compiles of src/FOLDER, each with the sources that are in it: itself, or those that a library's file includes."""
    found = {}
    for entry in json.loads((tree / "compile_commands.json").read_text()):
        target = re.search(rf"src/{folder}/CMakeFiles/([^/]+)\.dir/", entry["command"].split(" -o ")[1])
        if not target or re.search(r"_(test|fuzz)$", target.group(1)):
            continue
        path = pathlib.Path(entry["file"])
        included = re.findall(r'^#include "(/[^"]+\.cc)"$', path.read_text(), re.MULTILINE)
        found[path] = [pathlib.Path(source) for source in included] or [path]
    return found


def digest_of(paths):
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def clean(tree, path, sources):
    # Any of our headers may be in any source; all of them in one digest is simple and never wrong.
    seen = tree / "tidy-seen" / digest_of([*sources, *(ROOT / "src").rglob("*.h"), ROOT / ".clang-tidy", ROOT / "tests/tidy.py"])
    if seen.exists():
        return True
    # A library's file is nothing but such includes.
    command = ["clang-tidy-16", "--quiet", "-p", str(tree), f"--config-file={ROOT / '.clang-tidy'}", "--checks=-bugprone-suspicious-include"]
    result = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    if result.returncode == 0:
        seen.parent.mkdir(exist_ok=True)
        seen.touch()
        return True
    print(result.stdout + "\n".join(line for line in result.stderr.splitlines() if "error:" in line))
    return False


def main():
    tree, folder = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    found = compilations(tree, folder)
    if not found:
        sys.exit(f"tidy.py: '{tree}' compiles nothing of src/{folder}")
    if not all([clean(tree, path, sources) for path, sources in sorted(found.items())]):
        sys.exit(1)


if __name__ == "__main__":
    main()
