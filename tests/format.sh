#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every C++ source is as clang-format leaves it (repair: the same command with -i instead of --dry-run -Werror).
cd "$(dirname "$0")/.." || exit 1
find src tests \( -name '*.cc' -o -name '*.h' -o -name '*.c' \) -print0 | xargs -0 clang-format-16 --dry-run -Werror
