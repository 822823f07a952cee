// SPDX-License-Identifier: Apache-2.0

// Runs mmdebstrap, which writes a Debian root file system as a tar into a pipe. As root directly; as another user in a
// user namespace with the user's subordinate ids; where neither can be had, with fakechroot.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/process.h"
#include "base/progress.h"
#include "image/line_reader.h"
#include "image/work_folder.h"

namespace caisson::image {

// What a base image takes while it is made: its tree twice, mmdebstrap's and the unpacked one, and the image.
inline constexpr base::Bytes kBootstrapSpace = base::gibibytes(3);
inline constexpr const char* kBootstrapRoom =
    "free some disk space, or set XDG_CACHE_HOME to a folder on a larger disk";

struct BootstrapOptions {
  std::string suite;
  std::vector<std::string> packages;
  std::vector<std::string> sources;        // one-line apt sources
  std::vector<std::string> settings;       // apt.conf lines that are needed now but don't belong into the image
  std::vector<std::string> dpkg_settings;  // dpkg.cfg lines; they stay in the image
  std::vector<std::string> hooks;          // shell commands; "$1" is the root
};

// What the user can do about what it said before it failed; "" where that is not known.
std::string bootstrap_remedy(std::string_view said);

// A running mmdebstrap. It and all it started die with this process, however that dies.
class Bootstrap {
 public:
  Bootstrap(const BootstrapOptions& options, const WorkFolder& work, base::Progress& progress);

  // The reading end of the tar.
  int tar() const { return tar_.get(); }
  void close_tar() { tar_.reset(); }
  // Its messages, to be polled and read; false at their end.
  int messages() const { return messages_.get(); }
  bool read_messages() { return lines_.read(messages_.get()); }
  // Tells the progress how long it has been at it.
  void tick();
  // Waits for the end; throws when it failed, with what it said and what to do.
  void finish();

 private:
  void take(std::string_view line);

  base::Progress& progress_;
  base::Fd tar_;
  base::Fd messages_;
  base::Child child_;
  LineReader lines_;
  std::string phase_ = "starting mmdebstrap";
  double phase_begin_ = 0;  // where the phase begins and ends in the whole, 0 to 1
  double phase_end_ = 0;
  size_t expected_ = 0;  // steps of the phase: each package is fetched, unpacked and set up
  size_t seen_ = 0;
};

}  // namespace caisson::image
