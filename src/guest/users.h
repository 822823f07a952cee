// SPDX-License-Identifier: Apache-2.0

// Whom a command runs as. Reads the image's own /etc/passwd and /etc/group: a static glibc has no name service.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace caisson::guest {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary, `gid` included
  std::string home = "/";
  std::string shell = "/bin/sh";
};

// `wish`: "", "NAME", "UID", either with ":GROUP" or ":GID" behind it. "" is the user agent where there is one, else
// root. A number needs no entry, a name does; root never does. With a group named, that is the only group, as docker
// has it. `passwd` and `group` are the files' contents (passwd(5), group(5)); lines that are not well-formed are passed
// over. Throws base::Error that names the user or group.
User find_user(std::string_view wish, std::string_view passwd, std::string_view group);

// The same with the files of this root file system, as they are now; a missing file is an empty one.
User find_user(std::string_view wish);

}  // namespace caisson::guest
