// SPDX-License-Identifier: Apache-2.0

// All engines, strongest first, listed by hand in registry.cc (a self-registering object in a static library is dropped
// by the linker).
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace caisson::engine {

std::vector<std::unique_ptr<Engine>> all_engines();

// The engine of that name; "auto" takes the strongest usable one. Throws base::Error that lists the names, or says why
// it (or, for "auto", each of them) cannot be used here and what to do.
std::unique_ptr<Engine> choose_engine(std::string_view name);

}  // namespace caisson::engine
