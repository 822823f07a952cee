// SPDX-License-Identifier: Apache-2.0

// Addresses as tests write them. For tests alone.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "gate/address.h"

namespace caisson::gate {

// The test fails, and goes on with no address, when `text` is none.
inline IpAddress ip(std::string_view text) {
  const auto address = IpAddress::parse(text);
  EXPECT_TRUE(address) << text;
  return address.value_or(IpAddress());
}

}  // namespace caisson::gate
