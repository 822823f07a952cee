// SPDX-License-Identifier: Apache-2.0

// A tar stream from a sandbox, put into a place of this machine, for `cp` out of a sandbox.
//
// The archive is hostile. What it can do is bounded by this: everything it makes is the one top entry that was asked
// for or lies below it, and below the folder that the user named.
//  - The first entry must be the top entry; any other name that is not below it ends the copy.
//  - Every path is resolved with openat2(2), RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS: neither "..", nor an absolute path,
//  nor
//    a symbolic link (the archive's own or one that was there) leads anywhere else.
//  - Hard links are made only to regular files that this same rule reaches.
//  - Devices, pipes and sockets are left out; set-uid, set-gid and sticky bits are dropped, the umask is applied, and
//  files
//    belong to whoever copies. Symbolic links are made as they are, and never followed.
//  - caisson-cp is confined before it reads the first byte (archive_confinement.h), so that the same holds for a hole
//  in
//    libarchive.
//  - A file is written under a temporary name and renamed, so a file or link that was there is replaced and not written
//    through.
#pragma once

#include <string>
#include <vector>

#include "cli/unpack_target.h"

namespace caisson::cli {

struct UnpackOptions {
  int input = 0;
  std::string top;  // the name of the archive's top entry; "." for a folder's content
  UserTarget target;
};

// Returns what was left out, in words. Throws base::Error; what was unpacked before stays.
std::vector<std::string> unpack(UnpackOptions options);

}  // namespace caisson::cli
