// SPDX-License-Identifier: Apache-2.0

#include "guest/container_trust.h"

#include <algorithm>
#include <string_view>

#include "guest/java_store.h"
#include "guest/trust.h"

namespace caisson::guest {
namespace {

using base::Json;

struct Variable {
  const char* name;
  const char* value;
  bool needs_bundle;
};

constexpr const char* kPlace = "/dev/caisson";
constexpr const char* kBundlePlace = "/dev/caisson/ca-bundle.crt";
constexpr const char* kJavaPlace = "/dev/caisson/java.jks";
constexpr std::string_view kJavaVariable = "JAVA_TOOL_OPTIONS";
constexpr Variable kVariables[] = {
    {"SSL_CERT_DIR", "/etc/ssl/certs:/etc/pki/tls/certs:/dev/caisson/certs", false},
    {"GIT_SSL_CAPATH", "/dev/caisson/certs", false},
    {"NODE_EXTRA_CA_CERTS", "/dev/caisson/authorities.crt", false},
    {"REQUESTS_CA_BUNDLE", kBundlePlace, true},
    {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", kBundlePlace, true},
    {"APT_CONFIG", "/dev/caisson/apt.conf", true},
};

// The environment's entry, or its end.
Json::iterator find_variable(Json& environment, std::string_view name) {
  return std::find_if(environment.begin(), environment.end(), [name](const Json& entry) {
    if (!entry.is_string()) return false;
    const std::string_view text = entry.get_ref<const std::string&>();
    return text.starts_with(name) && text.substr(name.size()).starts_with('=');
  });
}

void tell_java(Json& environment) {
  const auto entry = find_variable(environment, kJavaVariable);
  const std::string before =
      entry == environment.end() ? "" : entry->get<std::string>().substr(kJavaVariable.size() + 1);
  const std::string variable = std::string(kJavaVariable) + "=" + with_java_store(before, kJavaPlace);
  if (entry == environment.end()) {
    environment.push_back(variable);
  } else {
    *entry = variable;
  }
}

Json bind_mount(const char* source, const char* destination) {
  return {{"type", "bind"},
          {"source", source},
          {"destination", destination},
          {"options", {"rbind", "ro", "nosuid", "nodev", "noexec"}}};
}

}  // namespace

void add_trust_to_process(Json& process, const ContainerTrust& trust) {
  if (!process.is_object()) return;
  Json& environment = process["env"];
  if (environment.is_null()) environment = Json::array();
  if (!environment.is_array()) return;
  for (const Variable& variable : kVariables) {
    if (variable.needs_bundle && trust.bundle.empty()) continue;
    if (find_variable(environment, variable.name) == environment.end())
      environment.push_back(std::string(variable.name) + "=" + variable.value);
  }
  if (trust.java) tell_java(environment);
}

void add_trust_to_container(Json& configuration, const ContainerTrust& trust) {
  if (!configuration.is_object() || !configuration.contains("process")) return;
  // Without a /dev of its own there is no place.
  if (!configuration.contains("mounts") || !configuration["mounts"].is_array()) return;
  add_trust_to_process(configuration["process"], trust);
  Json& mounts = configuration["mounts"];
  mounts.push_back(bind_mount(kTrustFolder, kPlace));
  if (!trust.bundle.empty()) mounts.push_back(bind_mount(trust.bundle.c_str(), kBundlePlace));
}

}  // namespace caisson::guest
