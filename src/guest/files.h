// SPDX-License-Identifier: Apache-2.0

// Small configuration files of the root file system, which belongs to the user: what is found there may be anything.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace caisson::guest {

// The whole content; nothing when it is no regular file, cannot be read, or is longer than `max_bytes`. Never waits, as
// opening a pipe that nobody writes to would.
std::optional<std::string> content_of(const char* path, size_t max_bytes = 64U << 10);

// Makes `content` the file's content, in place and without emptying it first: a rename costs a journal commit, and ext4
// starts writing out at the close of a file that was emptied; the caller does this at every start of a sandbox. A link
// in its place is not followed but removed. False when that is not possible.
bool replace_content(const char* path, std::string_view content);

}  // namespace caisson::guest
