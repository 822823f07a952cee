#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs end-to-end cases.

usage: run.py --list                      every case as NAME;IMAGE;TIMEOUT;PROCESSORS;LABELS, for CMake
       run.py [--binary CAISSON] [--cache FOLDER] NAME…     (all without a name)

The exit code is 1 when a case failed, 77 when the only one was skipped.
"""

import argparse
import glob
import importlib
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

import harness  # noqa: E402
import images  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--binary", default=os.path.join(ROOT, "build/release/bin/caisson"))
    parser.add_argument("--cache", default=os.path.join(ROOT, "build/test-cache"))
    parser.add_argument("--prepare", choices=images.PREPARE, help="make what cases need in the shared cache")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()

    for path in sorted(glob.glob(os.path.join(HERE, "cases_*.py"))):
        importlib.import_module(os.path.basename(path)[:-3])
    if options.list:
        for one in harness.CASES.values():
            print(f"{one.name};{one.image or ''};{one.timeout};{one.processors};{','.join(one.labels)}")
        return 0
    os.makedirs(options.cache, mode=0o700, exist_ok=True)
    os.environ["CAISSON_TEST_CACHE"] = options.cache
    if options.prepare:
        the_case = harness.Case("prepare_" + options.prepare, images.PREPARE[options.prepare], None, False, 3600, 1, ())
        return harness.run_case(the_case, options.binary, options.cache)
    unknown = [name for name in options.names if name not in harness.CASES]
    if unknown:
        parser.error(f"no such case: {' '.join(unknown)}")
    codes = []
    for name in options.names or harness.CASES:
        codes.append(harness.run_case(harness.CASES[name], options.binary, options.cache))
        if len(options.names) != 1:
            print({0: "ok", 77: "skipped"}.get(codes[-1], "FAILED"), name)
    return 1 if 1 in codes else codes[-1]


if __name__ == "__main__":
    sys.exit(main())
