// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/group_name.h"

#include "base/random.h"
#include "image/digest.h"

namespace caisson::engine::microvm {
namespace {

constexpr size_t kStateDigits = 8;
constexpr size_t kGroupRandomBytes = 4;

}  // namespace

std::string new_group_name(std::string_view what, std::string_view state_folder) {
  const std::string state = image::sha256(state_folder).substr(0, kStateDigits);
  return std::string(what) + "-" + state + "-" + base::random_hex(kGroupRandomBytes);
}

}  // namespace caisson::engine::microvm
