// SPDX-License-Identifier: Apache-2.0

#include "guest/container_runtime.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/json_reader.h"
#include "guest/container_trust.h"
#include "guest/environment.h"
#include "guest/java_store.h"
#include "guest/trust.h"

namespace caisson::guest {
namespace {

constexpr size_t kConfigurationBytes = 16U << 20;
constexpr int kNoRuntime = 127;
constexpr const char* kUsualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// runc's own options in front of the command that take a value as the next argument.
bool takes_value(std::string_view option) {
  constexpr std::string_view kOptions[] = {"--log", "--log-format", "--root", "--criu", "--rootless"};
  return std::find(std::begin(kOptions), std::end(kOptions), option) != std::end(kOptions);
}

// "--NAME X", "--NAME=X", "-N X" and "-N=X".
std::string option_value(std::span<char* const> arguments, const std::string& name) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view word = arguments[i];
    if (word == "--") break;
    const std::string_view dashes = word.starts_with("--") ? "--" : "-";
    if (!word.starts_with("-")) continue;
    word.remove_prefix(dashes.size());
    const std::string_view wanted = dashes.size() == 2 ? std::string_view(name) : std::string_view(name).substr(0, 1);
    if (word == wanted && i + 1 < arguments.size()) return arguments[i + 1];
    if (word.starts_with(wanted) && word.substr(wanted.size()).starts_with('='))
      return std::string(word.substr(wanted.size() + 1));
  }
  return {};
}

bool has_authority() {
  struct stat info {};
  return ::stat(kTrustCertificates, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0;
}

void add_trust(const RuntimeCall& call) {
  base::Json json = base::parse_json_object(base::read_file(call.path, kConfigurationBytes), call.path);
  ContainerTrust trust{.bundle = certificate_bundle()};
  trust.java = java_is_told() && refresh_java_store(trust.bundle, kJavaStore);
  if (call.reads == RuntimeCall::Reads::kContainer) {
    add_trust_to_container(json, trust);
  } else {
    add_trust_to_process(json, trust);
  }
  struct stat info {};
  const mode_t mode = ::stat(call.path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0600;
  base::write_file_atomic(call.path, json.dump(), mode);
}

}  // namespace

RuntimeCall parse_runtime_call(std::span<char* const> arguments) {
  size_t at = std::min<size_t>(1, arguments.size());
  while (at < arguments.size() && arguments[at][0] == '-') at += takes_value(arguments[at]) ? 2 : 1;
  if (at >= arguments.size()) return {};
  const std::string_view command = arguments[at];
  const auto rest = arguments.subspan(at + 1);
  if (command == "create" || command == "run") {
    const std::string bundle = option_value(rest, "bundle");
    return {RuntimeCall::Reads::kContainer, (bundle.empty() ? "." : bundle) + "/config.json"};
  }
  if (command == "exec") {
    std::string process = option_value(rest, "process");
    if (!process.empty()) return {RuntimeCall::Reads::kProcess, std::move(process)};
  }
  return {};
}

int run_container_runtime(std::span<char*> arguments) {
  try {
    const RuntimeCall call = parse_runtime_call(arguments);
    if (call.reads != RuntimeCall::Reads::kNothing && has_authority()) add_trust(call);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "caisson: the container does not know the authority of the sandbox's network: %s\n",
                 error.what());
  }
  const char* set = ::getenv("PATH");
  const std::string path = set != nullptr ? set : kUsualPath;
  for (const std::string& candidate : program_candidates("runc", path)) {
    if (candidate != std::string(kRuntimeFolder) + "/runc") ::execv(candidate.c_str(), arguments.data());
  }
  std::fprintf(stderr, "caisson: cannot execute runc: there is none in %s\n", path.c_str());
  return kNoRuntime;
}

}  // namespace caisson::guest
