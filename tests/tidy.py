#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tidy.py TREE FOLDER: clang-tidy over src/FOLDER's sources (tests left out), with the compile commands of the tree TREE.

The sources of one target are read as one compilation, because the templates of the headers they share are what costs: it is ten
times as fast as source by source. What was clean is not looked at again until a source of it, a header of ours or .clang-tidy changes.
"""
import hashlib
import json
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def sources_by_target(tree, folder):
    """The commands of the folder's sources that are no tests, by the target they belong to."""
    found = {}
    for entry in json.loads((tree / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        if not path.is_relative_to(ROOT / "src" / folder) or re.search(r"(_test|_fuzz)\.cc$", path.name):
            continue
        target = re.search(r"CMakeFiles/([^/]+)\.dir/", entry["command"].split(" -o ")[1]).group(1)
        if not re.search(r"_(test|fuzz)$", target):
            found.setdefault(target, []).append((path, entry["command"]))
    return found


def digest_of(paths):
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def clean(tree, target, sources):
    # Any of our headers may be in any source; all of them in one digest is simple and never wrong.
    looked_at = [path for path, _ in sources] + list((ROOT / "src").rglob("*.h")) + [ROOT / ".clang-tidy", ROOT / "tests/tidy.py"]
    seen = tree / "tidy-seen" / f"{target}-{digest_of(looked_at)}"
    if seen.exists():
        return True
    whole = tree / "tidy-seen" / f"{target}.cc"
    whole.parent.mkdir(exist_ok=True)
    whole.write_text("".join(f'#include "{path}"  // NOLINT(bugprone-suspicious-include)\n' for path, _ in sorted(sources)))
    flags = shlex.split(sources[0][1].split(" -o ")[0])
    flags = flags[next(i for i, flag in enumerate(flags) if flag.startswith("-")):]
    command = ["clang-tidy-16", "--quiet", f"--config-file={ROOT / '.clang-tidy'}", str(whole), "--", *flags]
    result = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        seen.touch()
        return True
    print(result.stdout + "\n".join(line for line in result.stderr.splitlines() if "error:" in line))
    return False


def main():
    tree, folder = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    found = sources_by_target(tree, folder)
    if not found:
        sys.exit(f"tidy.py: '{tree}' compiles nothing of src/{folder}")
    if not all([clean(tree, target, sources) for target, sources in sorted(found.items())]):
        sys.exit(1)


if __name__ == "__main__":
    main()
