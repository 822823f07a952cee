// SPDX-License-Identifier: Apache-2.0

#include "secrets/secret_service.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "base/text.h"
#include "secrets/child.h"

namespace caisson::secrets {
namespace {

constexpr const char* kTool = "secret-tool";

// D-Bus Specification, "Well-known Message Bus Instances": the variable, or the socket where systemd has it.
bool has_session_bus() {
  if (const char* address = std::getenv("DBUS_SESSION_BUS_ADDRESS"); address != nullptr) return *address != '\0';
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  return runtime != nullptr && ::access((std::string(runtime) + "/bus").c_str(), R_OK | W_OK) == 0;
}

std::vector<std::string> tool_command(std::vector<std::string> words, const std::string& id) {
  words.insert(words.begin(), kTool);
  words.insert(words.end(), {"application", "caisson", "store", id});
  return words;
}

std::vector<std::string> of_secret(std::vector<std::string> command, const std::string& name) {
  command.insert(command.end(), {"secret", name});
  return command;
}

base::Error tool_failed(const std::string& doing, const ChildResult& result) {
  const std::string_view said = base::trimmed(result.error);
  return base::Error(fmt::format("cannot {} the Secret Service: {} {}{}{}", doing, kTool, result.status.text(),
                                 said.empty() ? "" : ": ", base::escaped(said)),
                     "unlock or start the keyring of this session");
}

}  // namespace

bool has_secret_service() {
  if (!has_session_bus() || base::find_program(kTool).empty()) return false;
  // Asks for what is not there. An exit code of 1 alone says that; with words it says that nobody answers.
  const ChildResult result = run_child({.argv = tool_command({"lookup"}, "none")});
  return result.status.signal == 0 && result.status.code <= 1 && base::trimmed(result.error).empty();
}

Value SecretService::get(const std::string& name) const {
  ChildResult result = run_child({.argv = of_secret(tool_command({"lookup"}, id_), name)});
  if (result.status.ok()) return std::move(result.output);
  if (!base::trimmed(result.error).empty() || result.status.code != 1)
    throw tool_failed("read " + base::in_quotes(name) + " from", result);
  return {};
}

void SecretService::put(const std::string& name, const Value& value) const {
  const std::string label = "--label=Caisson: " + name;
  const ChildResult result = run_child({.argv = of_secret(tool_command({"store", label}, id_), name), .input = &value});
  if (!result.status.ok()) throw tool_failed("put " + base::in_quotes(name) + " into", result);
}

void SecretService::remove(const std::string& name) const {
  const ChildResult result = run_child({.argv = of_secret(tool_command({"clear"}, id_), name)});
  // Some versions end with 1 where there was none.
  if (!base::trimmed(result.error).empty()) throw tool_failed("remove " + base::in_quotes(name) + " from", result);
}

void SecretService::remove_all() const {
  const ChildResult result = run_child({.argv = tool_command({"clear"}, id_)});
  if (!base::trimmed(result.error).empty()) throw tool_failed("remove the secrets from", result);
}

}  // namespace caisson::secrets
