// SPDX-License-Identifier: Apache-2.0

#include "bench/share_mount.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "base/error.h"
#include "base/file.h"
#include "base/install.h"
#include "base/text.h"

namespace caisson::bench {

OwnMounts::OwnMounts() : server_(base::helper_program("caisson-share")) {
  if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    throw base::system_error("cannot make a", "mount namespace", errno, "the share is measured as root");
}

ShareMount::ShareMount(const OwnMounts& own, Options given) : place_(std::move(given.place)) {
  const base::Fd device = base::open_file("/dev/fuse", O_RDWR);
  const base::Fd root = base::open_file(given.folder, O_PATH | O_DIRECTORY);
  const std::string options =
      "fd=" + std::to_string(device.get()) + ",rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions";
  if (::mount("caisson-bench", place_.c_str(), "fuse.caisson", MS_NOSUID | MS_NODEV, options.c_str()) != 0)
    throw base::system_error("cannot mount a share at", place_);
  const std::string words =
      R"({"mode":")" + given.mode + R"(","masks":[".env*","*.pem"],"unmask":[],"own":[],"started_ns":0})";
  server_ = base::spawn({.argv = {own.server(), words}, .descriptors = {{2, 2}, {device.get(), 3}, {root.get(), 4}}});
}

ShareMount::~ShareMount() {
  ::umount2(place_.c_str(), MNT_DETACH);
}

uint64_t ShareMount::resident_bytes() const {
  const std::string status = base::read_file("/proc/" + std::to_string(server_.pid()) + "/status");
  for (const std::string& line : base::split(status, '\n')) {
    if (!line.starts_with("VmRSS:")) continue;
    const auto number = base::trimmed(std::string_view(line).substr(6, line.size() - 6 - 2));
    return base::parse_number<uint64_t>(number).value_or(0) * 1024;
  }
  return 0;
}

}  // namespace caisson::bench
