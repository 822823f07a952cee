// SPDX-License-Identifier: Apache-2.0

// caisson version: ours, the protocol's, and what each engine would use here.

#include <fmt/format.h>
#include <sys/utsname.h>

#include <memory>

#include "base/error.h"
#include "base/json_reader.h"
#include "base/paths.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/image_command.h"
#include "cli/json_output.h"
#include "engine/registry.h"
#include "image/base_image.h"
#include "image/kernel.h"
#include "image/store.h"
#include "link/services.h"

namespace caisson::cli {
namespace {

constexpr const char* kNotThere = "none yet: the first run gets it";

// One line, under its name: "QEMU" and in JSON "qemu".
struct Part {
  const char* label;
  const char* key;
  std::string version;  // "" where it is not there
};

// "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)" in the first line.
std::string qemu_version() {
  constexpr std::string_view kBefore = "version ";
  try {
    const std::string said = base::run_checked({"qemu-system-x86_64", "--version"});
    const std::string line = said.substr(0, said.find('\n'));
    const size_t at = line.find(kBefore);
    return at == std::string::npos ? line : line.substr(at + kBefore.size());
  } catch (const base::Error&) {
    return {};  // `caisson doctor` says how to get it
  }
}

std::string base_image() {
  try {
    const auto record = image::ImageStore(base::cache_folder()).find(image::kBaseName);
    return record ? record->source + ", " + record->digest.substr(0, kShownDigits) + ", made " + record->created : "";
  } catch (const base::Error&) {
    return {};  // `caisson image verify` says what is wrong with it
  }
}

std::string host_kernel() {
  utsname name{};
  uname(&name);
  return name.release;
}

std::vector<Part> parts() {
  return {{"QEMU", "qemu", qemu_version()},
          {"guest kernel", "guest_kernel", image::current_kernel_release(base::cache_folder())},
          {"base image", "base_image", base_image()},
          {"host kernel", "host_kernel", host_kernel()}};
}

void print_version() {
  fmt::print("caisson {}\nprotocol {}\n", CAISSON_VERSION, link::kProtocolVersion);
  for (const Part& part : parts())
    fmt::print("{} {}\n", part.label, part.version.empty() ? kNotThere : base::escaped(part.version));
  for (const auto& engine : engine::all_engines()) {
    const engine::Probe probe = engine->probe();
    fmt::print("engine {}: {}\n", engine->name(), base::escaped(probe.reason));
  }
}

void print_json() {
  base::Json engines = base::Json::array();
  for (const auto& engine : engine::all_engines()) {
    const engine::Probe probe = engine->probe();
    engines.push_back({{"name", engine->name()}, {"usable", probe.usable}, {"reason", probe.reason}});
  }
  base::Json all{{"version", CAISSON_VERSION}, {"protocol", link::kProtocolVersion}, {"engines", std::move(engines)}};
  for (const Part& part : parts()) all[part.key] = part.version;
  fmt::print("{}\n", printable_json(all));
}

}  // namespace

void add_version_command(CLI::App& app) {
  CLI::App& command =
      add_command(app, {"version", "[OPTIONS]", "show the versions of caisson and of what it uses", ""});
  const auto json = std::make_shared<bool>(false);
  command.add_flag("--json", *json, "as JSON");
  command.callback([json] { *json ? print_json() : print_version(); });
}

}  // namespace caisson::cli
