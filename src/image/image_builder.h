// SPDX-License-Identifier: Apache-2.0

// Runs caisson-unpack (under fakeroot where it makes an image) and follows its reports.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "image/unpack_job.h"
#include "image/work_folder.h"

namespace caisson::image {

// What else is to be followed while the helper runs: `readable` is called when `fd` has something or has ended, and
// returns false when it should not be watched any more.
struct Watch {
  int fd = -1;
  std::function<bool()> readable;
};

struct RunOptions {
  int input = -1;            // becomes the helper's standard input
  uint64_t input_bytes = 0;  // size of all layers as they are stored, to tell how far it is; 0: unknown
  Watch watch = {};
  // At least twice a second while the helper has nothing to report.
  std::function<void()> idle = {};
};

// Does the job in `work` and returns the answer; the helper's error is thrown.
UnpackResult run_unpack(const UnpackJob& job, const WorkFolder& work, const RunOptions& options,
                        base::Progress& progress);

// Throws an Error that names the missing program and the Debian package to install.
void require_program(const std::string& name, const std::string& package);

}  // namespace caisson::image
