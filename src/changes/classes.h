// SPDX-License-Identifier: Apache-2.0

// Changes that can make the host run something, or reach out of the folder, the moment they are applied: they are shown
// apart, and each class is asked for.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace caisson::changes {

struct Change;

enum class Class : uint8_t { kGit, kCi, kEditor, kAgent, kExecutable, kSymlink, kMasked };
using ClassSet = uint32_t;  // one bit for each

constexpr ClassSet bit_of(Class of) {
  return 1U << static_cast<unsigned>(of);
}

struct ClassText {
  Class of;
  const char* name;         // as `--allow` takes it
  const char* description;  // "hooks and configuration"
};
const std::array<ClassText, 7>& class_texts();

// The classes of a path by its names, whatever is there (class_rules.h, git_folders.h). Compared without case, as some
// hosts' file systems do.
ClassSet classes_of_path(std::string_view path);
// Whether a link at `path` with that target leads out of the folder, as far as can be told without following it: one
// that goes up again after a name is taken to.
bool leads_out(std::string_view path, std::string_view target);

// Of a change, by its path and by what it does; kMasked is the comparison's to add, and what of kGit is told by other
// files or by content classify_repositories() adds (git_folders.h).
ClassSet classify(const Change& change);

}  // namespace caisson::changes
