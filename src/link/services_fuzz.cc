// SPDX-License-Identifier: Apache-2.0

// Any text as each of the messages: it is refused with a base::Error, or read as something that is written and read as
// itself.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "link/change_messages.h"
#include "link/services.h"

namespace caisson::link {
namespace {

template <typename Message>
void read_as(const base::Json& json) {
  base::Json once;
  try {
    once = to_json(from_json<Message>(json));
  } catch (const base::Error&) {
    return;
  }
  const base::Json twice = to_json(from_json<Message>(once));
  if (once != twice) std::abort();
}

void read_message(std::string_view text) {
  base::Json json;
  try {
    json = base::parse_json_object(text, "message");
  } catch (const base::Error&) {
    return;
  }
  read_as<ExecRequest>(json);
  read_as<ExecStarted>(json);
  read_as<ExecResult>(json);
  read_as<ExecFailure>(json);
  read_as<Hello>(json);
  read_as<Configure>(json);
  read_as<ControlRequest>(json);
  read_as<Stats>(json);
  read_as<CopyRequest>(json);
  read_as<PortRequest>(json);
  read_as<ChangesRequest>(json);
  read_as<DiscardRequest>(json);
  read_as<FuseRequest>(json);
  read_as<Mount>(json);
  try {
    checked_answer(json, "cannot");
  } catch (const base::Error&) {
  }
  try {
    service_of(json);
  } catch (const base::Error&) {
  }
}

}  // namespace
}  // namespace caisson::link

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caisson::link::read_message({reinterpret_cast<const char*>(data), size});
  return 0;
}
