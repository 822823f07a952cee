// SPDX-License-Identifier: Apache-2.0

// Extended attributes: the user's own, "user.*", of files and folders. What the host's system keeps in others (access
// lists, capabilities, labels) is no concern of the guest's.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cstring>

#include "share/entries.h"
#include "share/operations.h"

namespace caisson::share {
namespace {

constexpr size_t kMaxListBytes = 65536;
constexpr size_t kMaxAttributeBytes = 65536;
constexpr std::string_view kUserAttributes = "user.";

// The names that a guest may see, each with its NUL.
std::string user_names(std::string_view all) {
  std::string shown;
  while (!all.empty()) {
    const size_t end = std::min(all.find('\0'), all.size() - 1);
    if (all.starts_with(kUserAttributes)) shown += all.substr(0, end + 1);
    all.remove_prefix(end + 1);
  }
  return shown;
}

// The size alone, or the value, as the guest asked.
int answer(uint32_t room, std::string_view value, Output& output) {
  if (room == 0) {
    output.put(fuse_getxattr_out{.size = static_cast<uint32_t>(value.size()), .padding = 0});
    return 0;
  }
  if (room < value.size()) return ERANGE;
  output.put_bytes(value);
  return 0;
}

}  // namespace

int get_xattr(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  const auto in = body.take<fuse_getxattr_in>();
  const std::string name = body.text(kMaxNameBytes);
  if (!name.starts_with(kUserAttributes)) return EOPNOTSUPP;
  const OpenNode file = open_node(share, request.header.nodeid);
  if (file.errnum != 0) return file.errnum;
  if (!file.node.is_regular() && !file.node.is_folder()) return ENODATA;
  struct stat status {};
  if (::fstat(file.descriptor, &status) != 0) return errno;
  int errnum = check_shown(share, file, status);
  if (errnum != 0) return errnum;
  const base::Fd opened = reopen(file, O_RDONLY, errnum);
  if (!opened) return errnum;
  std::string value(kMaxAttributeBytes, '\0');
  const ssize_t got = ::fgetxattr(opened.get(), name.c_str(), value.data(), value.size());
  if (got < 0) return errno;
  return answer(in.size, {value.data(), static_cast<size_t>(got)}, output);
}

int list_xattrs(Share& share, const Request& request, Output& output) {
  Body body(request.body);
  const auto in = body.take<fuse_getxattr_in>();
  const OpenNode file = open_node(share, request.header.nodeid);
  if (file.errnum != 0) return file.errnum;
  if (!file.node.is_regular() && !file.node.is_folder()) return answer(in.size, {}, output);
  struct stat status {};
  if (::fstat(file.descriptor, &status) != 0) return errno;
  int errnum = check_shown(share, file, status);
  if (errnum != 0) return errnum;
  const base::Fd opened = reopen(file, O_RDONLY, errnum);
  if (!opened) return errnum;
  std::string names(kMaxListBytes, '\0');
  const ssize_t got = ::flistxattr(opened.get(), names.data(), names.size());
  if (got < 0) return errno;
  return answer(in.size, user_names({names.data(), static_cast<size_t>(got)}), output);
}

}  // namespace caisson::share
