// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/template_failure.h"

#include <algorithm>

namespace caisson::engine::microvm {
namespace {

// The base image's template has less than 400 MiB of RAM touched, whatever its memory is; the rest is room for what
// the guest touches and gives back while it boots.
constexpr base::Bytes kMostMemoryTouched = base::mebibytes(512);
// The disk with its file system, the overlay and the device state.
constexpr base::Bytes kOtherFiles = base::mebibytes(64);

}  // namespace

base::Bytes space_for_template(base::Bytes memory) {
  return base::Bytes{std::min(memory, kMostMemoryTouched).count + kOtherFiles.count};
}

base::Error ended_early(std::string_view how) {
  std::string remedy;
  if (how.find("signal 9") != how.npos)
    remedy =
        "something killed it: see `dmesg` for the kernel's out-of-memory killer, and give less with --memory; then run "
        "the command again";
  if (how.find("signal 7") != how.npos)
    remedy = "its memory could not be read or written: see `dmesg` for errors of the cache's disk";
  return base::Error("the template's machine ended before it was complete: " + std::string(how), std::move(remedy));
}

}  // namespace caisson::engine::microvm
