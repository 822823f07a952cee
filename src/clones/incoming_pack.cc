// SPDX-License-Identifier: Apache-2.0

#include "clones/incoming_pack.h"

#include "base/disk_space.h"
#include "base/error.h"
#include "base/text.h"
#include "clones/scratch.h"

namespace caisson::clones {

using base::Error;

IncomingPack::IncomingPack(const std::string& folder) : folder_(folder), file_(nameless_file(folder)) {}

void IncomingPack::add(std::string_view part) {
  bytes_ += part.size();
  if (bytes_ > kMostPackBytes)
    throw Error("the sandbox's commits have more than " + std::to_string(kMostPackBytes >> 20) + " MiB",
                "they stay in the sandbox; `caisson cp` copies the clone out");
  // It is stored once more when it is taken in.
  if (base::free_space(folder_).count < bytes_ + base::kSpareSpace.count)
    throw Error("there is no room for the sandbox's commits on the disk of " + base::in_quotes(folder_),
                "they stay in the sandbox; make some room");
  base::write_all(file_.get(), {part.data(), part.size()}, "pack");
}

}  // namespace caisson::clones
