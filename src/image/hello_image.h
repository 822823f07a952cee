// SPDX-License-Identifier: Apache-2.0

// The container image caisson/hello as a docker-archive (docker image specification v1.2), made from the static program
// caisson-hello: the same bytes each time, so that its digest can be part of the base image's recipe.
#pragma once

#include <string>
#include <string_view>

namespace caisson::image {

inline constexpr std::string_view kHelloTag = "caisson/hello:latest";

// `program`: the bytes of caisson-hello. `architecture`: OCI's word.
std::string make_hello_archive(std::string_view program, std::string_view architecture);
// With the installed program and this machine's architecture.
std::string make_hello_archive();

}  // namespace caisson::image
