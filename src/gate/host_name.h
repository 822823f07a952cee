// SPDX-License-Identifier: Apache-2.0

// DNS names of hosts, in the one form in which the gate compares them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace caisson::gate {

inline constexpr size_t kMaxNameBytes = 253;  // RFC 1035, 2.3.4: 255 on the wire
inline constexpr size_t kMaxLabelBytes = 63;

// Lower-case, without a trailing dot. Nothing for what is no host name: empty or long labels, bytes other than letters,
// digits, '-' and '_', a label that begins or ends with '-', and a last label that is a number ("127.1", "0x7f000001"):
// resolvers read those as addresses.
std::optional<std::string> normal_name(std::string_view text);

// The same, where a person wrote it: throws a base::Error that says what is wrong with it.
std::string checked_name(std::string_view text);

// The part behind the first label: "b.c" of "a.b.c", "" of "c".
std::string_view parent_name(std::string_view name);

}  // namespace caisson::gate
