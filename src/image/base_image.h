// SPDX-License-Identifier: Apache-2.0

// The image "base": Debian bookworm with what agents need and a Docker Engine, made on this machine by mmdebstrap from
// the machine's own apt sources.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "image/store.h"

namespace caisson::image {

inline constexpr std::string_view kBaseName = "base";
// The image's user: uid and gid 1000, home /home/agent, in group docker, sudo without a password.
inline constexpr std::string_view kBaseUser = "agent";
// Where the image keeps caisson/hello, a docker-archive that init loads when a template is made.
inline constexpr std::string_view kHelloArchive = "/usr/share/caisson/hello.tar";

const std::vector<std::string>& base_packages();
// The digest of all that decides what is in the image, besides the packages' versions. Costs a read of one small file.
std::string base_recipe();

// The base image, made now when there is none or its recipe has changed (about two minutes, 1 GiB of disk, 3 GiB while
// it is made). One process makes it, others wait; safe to be killed at any point. Nothing is told to `progress` when it
// exists.
ImageRecord ensure_base(ImageStore& store, base::Progress& progress);
// Makes it again even if it exists (newer package versions).
ImageRecord rebuild_base(ImageStore& store, base::Progress& progress);

// What `name_or_digest` names: the base image as above, any other as ImageStore::require(). A file that has not its
// recorded size is an Error that says how to get the image again; so it is in ensure_base().
ImageRecord ensure_image(ImageStore& store, std::string_view name_or_digest, base::Progress& progress);

}  // namespace caisson::image
