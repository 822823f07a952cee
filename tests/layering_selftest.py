#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that the checks of layering_test.py notice what they are for: each one on a small tree made to break it."""

import os
import sys
import tempfile

sys.dont_write_bytecode = True
from layering_test import (LAYERS, check_claims, check_design, check_hygiene, check_layers, check_links, check_packages,  # noqa: E402
                           check_protocol)

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"


def problems(check, files):
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
            with open(os.path.join(root, name), "w") as file:
                file.write(text)
        return list(check(root, sorted(files)))


CASES = [
    ("an upward include", check_layers, {"src/base/a.cc": '#include "sys/b.h"\n', "src/sys/b.h": ""}, "must not include src/sys"),
    ("a sideways include", check_layers, {"src/link/a.cc": '#include "spec/b.h"\n', "src/spec/b.h": ""}, "must not include src/spec"),
    ("an engine that includes another", check_layers,
     {"src/engine/jail/a.cc": '#include "engine/microvm/b.h"\n', "src/engine/microvm/b.h": ""}, "another engine"),
    ("shared engine code that includes an engine", check_layers,
     {"src/engine/a.cc": '#include "engine/microvm/b.h"\n', "src/engine/microvm/b.h": ""}, "another engine"),
    ("a folder nobody placed", check_layers, {"src/extra/a.cc": ""}, "not in the layers"),
    ("an include that is not there", check_layers, {"src/base/a.cc": '#include "base/gone.h"\n'}, "not a file"),
    ("an upward include in angle brackets", check_layers, {"src/base/a.cc": "#include <sys/b.h>\n", "src/sys/b.h": ""}, "includes <sys/b.h>, which is ours"),
    ("a missing licence line", check_hygiene, {"src/base/a.cc": "int x;\n"}, "no SPDX"),
    ("a tab", check_hygiene, {"src/base/a.cc": SPDX + "\tint x;\n"}, "a tab"),
    ("a giant file", check_hygiene, {"src/base/a.cc": SPDX + "\n" * 600}, "lines"),
    ("a left-over note", check_hygiene, {"src/base/a.cc": SPDX + "// TO" + "DO later\n"}, "work to do"),
    ("a registry's name", check_hygiene, {"docs/a.md": "see pypi" + ".org\n"}, "registry"),
    ("a machine's path", check_hygiene, {"docs/a.md": "in /work" + "/main\n"}, "path of the machine"),
    ("a dead link", check_links, {"README.md": "[x](docs/gone.md)\n"}, "leads nowhere"),
    ("a dead anchor", check_links, {"README.md": "[x](#gone)\n# Here\n"}, "no heading"),
    ("a test that is not there", check_links, {"docs/a.md": "`e2e.gone`\n", "tests/e2e/cases_a.py": "def here(host):\n"}, "no end-to-end case"),
    ("a package that doctor forgets", check_packages,
     {"scripts/packages.txt": "[run]\nfakeroot\nskopeo\n[test]\n", "src/cli/host_check.cc": 'kPrograms[] = {\n {"skopeo", "skopeo", "x"},\n};\n'},
     "no program of fakeroot"),
    ("a package that only doctor knows", check_packages,
     {"scripts/packages.txt": "[run]\n[test]\nskopeo\n", "src/cli/host_check.cc": 'kPrograms[] = {\n {"skopeo", "skopeo", "x"},\n};\n'},
     "does not have skopeo"),
    ("a claim without a test", check_claims, {"docs/threat-model.md": "| X1 | it holds | nothing |\n"}, "X1 names no test"),
    ("a claim with no unit test by name", check_claims, {"docs/threat-model.md": "| X1 | it holds | unit tests of `src/a` |\n"},
     "X1 names no unit test of src/a"),
    ("a claim with a test that is not there", check_claims,
     {"docs/threat-model.md": "| X1 | it holds | unit tests of `src/a` (`Wall.Stands`, `Wall.Fell`) |\n",
      "src/a/b_test.cc": "TEST_F(WallTest, Stands) {\n"}, "names `Wall.Fell`"),
    ("a claim with a fuzz target that is not there", check_claims, {"docs/threat-model.md": "| X1 | it holds | `a_fuzz` |\n"},
     "no fuzz target"),
    ("a document of another version of the protocol", check_protocol,
     {"docs/protocol.md": "Version of the protocol: 1\n", "src/link/services.h": "inline constexpr int kProtocolVersion = 2;\n"},
     "is of version 1, src/link/services.h of version 2"),
    ("one place of a document that names another version of the protocol", check_protocol,
     {"docs/protocol.md": "Version of the protocol: 2\n| `protocol` (1), `version` |\n", "src/link/services.h": "int kProtocolVersion = 2;\n"},
     "is of version 1, src/link/services.h of version 2"),
    ("a document that names no version of the protocol", check_protocol,
     {"docs/protocol.md": "\n", "src/link/services.h": "int kProtocolVersion = 2;\n"}, "is of version None"),
    ("a design with a layer too many", check_design, {"docs/design.md": "    src/link   bytes  sys, base\n"}, "src/link may include ['sys']"),
    ("a design without a folder", check_design, {"docs/design.md": "    src/link   bytes  base\n"}, "src/vmm is in no row"),
    ("a design with another folder", check_design, {"docs/design.md": "    src/extra   more  base\n"}, "src/extra is not in the layers"),
    ("a dead path in quotes", check_links, {"README.md": "see `src/base/gone.h`\n"}, "does not exist"),
]
CLEAN = {
    "src/base/a.h": SPDX, "src/engine/registry.cc": SPDX + '#include "engine/microvm/b.h"\n#include "base/a.h"\n',
    "src/engine/microvm/b.h": SPDX, "src/engine/microvm/c.cc": SPDX + '#include "engine/microvm/b.h"\n#include <sys/stat.h>\n',
    "docs/protocol.md": "Version of the protocol: 2. `protocol` (2)\n", "src/link/services.h": SPDX + "int kProtocolVersion = 2;\n",
    "docs/design.md": "".join(f"    src/{folder}   what it is   {', '.join(sorted(layers)) or 'nothing of ours'}\n" for folder, layers in LAYERS.items()),
    "scripts/packages.txt": "[build]\ng++\n[run]\n# why\nskopeo\n",
    "src/cli/host_check.cc": SPDX + 'kPrograms[] = {\n {"skopeo", "skopeo", "x"},\n {"apt-get", "apt", "x"},\n};\n',
    "docs/threat-model.md": "| X1 | it holds | unit tests of `src/sys` (`Wall`, `Wall.Stands`), fuzz targets of `src/sys`, `a_fuzz` |\n| X2 | too | X1 |\n",
    "src/sys/b_test.cc": SPDX + "TEST_F(WallTest, Stands) {\n", "src/sys/a_fuzz.cc": SPDX,
    "README.md": "[x](docs/b.md#a-b) `src/base/a.h`\n", "docs/b.md": "# A `b`\n",
}

failed = 0
for what, check, files, expected in CASES:
    found = problems(check, files)
    if not any(expected in problem for problem in found):
        print(f"{what} was not noticed: {found}")
        failed = 1
for check in (check_claims, check_design, check_layers, check_hygiene, check_links, check_packages, check_protocol):
    found = problems(check, CLEAN)
    if found:
        print(f"a clean tree was refused: {found}")
        failed = 1
sys.exit(failed)
