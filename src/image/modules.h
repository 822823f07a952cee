// SPDX-License-Identifier: Apache-2.0

// Which kernel modules the guest loads, and in which order. Computed from the modules themselves (.modinfo), because
// Debian's package has no modules.dep: depmod makes that on the machine the package is installed on.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::image {

// What init loads at boot, without dependencies: all that a guest can need, since booting happens once for a template
// and the guest has no modprobe. What the kernel has built in is passed over.
const std::vector<std::string>& wanted_modules();

// The modules that a module (the bytes of its .ko) says it depends on. Throws for what is not a 64-bit ELF module.
std::vector<std::string> module_dependencies(std::string_view elf, std::string_view name);

// The files of all modules below a folder, by module name ('-' as '_').
std::map<std::string, std::string> find_modules(const std::string& folder);

using Dependencies = std::map<std::string, std::vector<std::string>>;

// `wanted` and all they depend on, each once and after its dependencies. `known` maps each module that exists to what
// it depends on; a wanted one that is not in it is passed over, a dependency that is missing, or a cycle, is an Error.
std::vector<std::string> load_order(const Dependencies& known, const std::vector<std::string>& wanted);

}  // namespace caisson::image
