// SPDX-License-Identifier: Apache-2.0

// The index of a repository (gitformat-index(5)), as a guest has written it. `git checkout -- .` and `git restore .`
// write each of its entries to the path that it names, and git does not ask what that path is when it reads it from
// there: ".git/hooks/post-checkout" and "../x" are taken as they are. It also says which files git need not look at, so
// that a change in them is in no `git status` and no `git diff`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace caisson::changes {

// Why an index is not taken for one that names nothing but files in a working tree, all of which git looks at; "" where
// it is. Object names have 20 bytes. Whatever could be read in more than one way (a split index, offsets into itself)
// is a reason.
std::string flaw_of_index(std::string_view bytes);

// A number for what an index says of its files: names, modes, objects and flags, and not when git has looked at them
// last. Two that have the same entries have the same number, whatever their versions and extensions. Nothing where it
// is no index, a split one, or one with longer object names.
std::optional<uint64_t> entries_of_index(std::string_view bytes);

// A larger index is not looked into.
inline constexpr uint64_t kMostIndexBytes = 64U << 20;

}  // namespace caisson::changes
