// SPDX-License-Identifier: Apache-2.0

// Which Debian mirror this machine uses, from its own apt configuration (sources.list(5): one-line *.list and deb822
// *.sources files), so that no host name is built in and a company's mirror is used where there is one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace caisson::image {

// One-line entries ("deb [options] URI suite components…") for `suite`, its updates and its security updates. Read from
// own_folder/apt.list where that exists, else from etc_apt/sources.list and sources.list.d. Disabled entries and those
// of other publishers are left out. Throws an Error that says what to write where, when nothing is found.
std::vector<std::string> debian_sources(const std::string& etc_apt, const std::string& own_folder,
                                        std::string_view suite);

// The machine's apt settings that fetching depends on (proxies, certificates, clock checks), as apt.conf(5) lines.
std::vector<std::string> apt_fetch_settings();

// The parts, for tests. `suite` as above.
std::vector<std::string> parse_one_line_sources(std::string_view text, std::string_view suite);
std::vector<std::string> parse_deb822_sources(std::string_view text, std::string_view suite);

}  // namespace caisson::image
