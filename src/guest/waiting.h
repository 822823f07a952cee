// SPDX-License-Identifier: Apache-2.0

// How the guest's coroutines wait.
#pragma once

#include "link/descriptor.h"

namespace caisson::guest {

namespace asio = boost::asio;
using link::Descriptor;

}  // namespace caisson::guest
