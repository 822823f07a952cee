// SPDX-License-Identifier: Apache-2.0

// What the numbers were measured on.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace caisson::bench {

// In the order in which they are shown: "processor", "AMD EPYC".
using Facts = std::vector<std::pair<std::string, std::string>>;

// Processor, cores, memory, system, kernel, load. To be called before anything is measured: after it the load is ours.
Facts describe_machine();

// Of /proc/cpuinfo's text: the model's name, and whether the machine is itself a virtual one.
std::string processor_of(std::string_view cpuinfo);

}  // namespace caisson::bench
