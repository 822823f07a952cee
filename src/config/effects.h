// SPDX-License-Identifier: Apache-2.0

// What a folder's configuration changes, in plain words, and which of it gives a sandbox more than it has by itself.
//
// Every text is printable ASCII, whatever the file has: no control byte reaches a terminal, and no letter that only
// looks like another one hides what is accepted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/folder_config.h"

namespace caisson::config {

struct Effect {
  // More than a sandbox has by itself: it counts only when the user has accepted it. What narrows, and where a command
  // begins, counts at once.
  bool widens = false;
  std::string key;   // "limits.memory"
  std::string text;  // "it has 8 GiB of memory instead of 2 GiB"
};

// Of each that is in the file: the commands and the network first. Those that change nothing are left out (memory =
// "2G").
std::vector<Effect> effects_of(const FolderConfig& config);

bool widens(const std::vector<Effect>& effects);

// In single quotes, as printable ASCII: other bytes are \xHH, and quotes and backslashes have one before them.
std::string plain_quoted(std::string_view text);

}  // namespace caisson::config
