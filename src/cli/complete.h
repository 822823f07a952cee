// SPDX-License-Identifier: Apache-2.0

// `caisson __complete WORDS…`: what the completion scripts ask. WORDS are those behind "caisson" up to the cursor, the
// last one the word to be completed. One candidate a line; ":files" asks the shell for file names.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace caisson::cli {

// Where names come from, for tests too.
struct CompletionNames {
  std::function<std::vector<std::string>()> sandboxes;
  std::function<std::vector<std::string>()> images;
  std::function<std::vector<std::string>()> engines;
  std::function<std::vector<std::string>()> secrets;
  std::function<std::vector<std::string>()> agents;
};

std::vector<std::string> complete(std::vector<std::string> words, const CompletionNames& names);

int run_complete(const std::vector<std::string>& words);

}  // namespace caisson::cli
