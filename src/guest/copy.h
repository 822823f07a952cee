// SPDX-License-Identifier: Apache-2.0

// The copy service: tar archives out of and into the sandbox's file system, with docker cp's rules for the target. The
// work is done by a child that may block (this program again, `tar-get` and `tar-put`), as root.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "guest/guest.h"
#include "guest/tar_put.h"
#include "link/session.h"

namespace caisson::guest {

asio::awaitable<void> serve_copy(Guest& guest, link::StreamPtr stream, link::CopyRequest request);

// Where a put goes. A folder that exists takes the archive's entries with their names; else the archive's top entry
// becomes the path, in a folder that must exist. What is made belongs to the owner of that folder; in a folder that
// everyone can write to (/tmp), to the sandbox's default user. Throws base::Error.
PutPlan plan_put(const std::string& path, const std::string& name);

}  // namespace caisson::guest
