// SPDX-License-Identifier: Apache-2.0

// Small configuration files of the root file system, which belongs to the user: what is found there may be anything.
#pragma once

#include <string>
#include <string_view>

namespace caisson::guest {

// At most 64 KiB; "" when it cannot be read.
std::string content_of(const char* path);

// Makes `content` the file's content, in place: replacing it by a rename would cost a journal commit, and the caller
// writes at every start. A link in its place is not followed but removed. False when that is not possible.
bool replace_content(const char* path, std::string_view content);

}  // namespace caisson::guest
