// SPDX-License-Identifier: Apache-2.0

// A share, mounted on this machine without a virtual machine between: /dev/fuse is the stream of the real
// caisson-share, behind its wall. Needs root.
#pragma once

#include <cstdint>
#include <string>

#include "base/process.h"

namespace caisson::bench {

// From here on this process's mounts are its own. To be made before there are threads. Throws where it may not mount.
class OwnMounts {
 public:
  OwnMounts();
  // The server; found before, while this program still has a path.
  const std::string& server() const { return server_; }

 private:
  std::string server_;
};

class ShareMount {
 public:
  struct Options {
    std::string folder;
    std::string place;  // an empty folder
    std::string mode;   // "ro" or "rw"
  };
  ShareMount(const OwnMounts& own, Options options);
  ~ShareMount();
  ShareMount(const ShareMount&) = delete;
  ShareMount& operator=(const ShareMount&) = delete;

  const std::string& path() const { return place_; }
  uint64_t resident_bytes() const;

 private:
  std::string place_;
  base::Child server_;
};

}  // namespace caisson::bench
