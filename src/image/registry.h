// SPDX-License-Identifier: Apache-2.0

// What is said about an image registry by its name alone.
#pragma once

#include <string_view>

namespace caisson::image {

// Whether "docker://HOST[:PORT]/NAME…" names a registry on this machine: localhost, 127.0.0.0/8 or [::1]. As with
// docker, such a one may speak plain HTTP or have a certificate that nobody signed. Pure: no name is looked up.
bool is_loopback_registry(std::string_view reference);

}  // namespace caisson::image
