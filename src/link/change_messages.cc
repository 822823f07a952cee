// SPDX-License-Identifier: Apache-2.0

#include "link/change_messages.h"

#include <charconv>

#include "base/text.h"
#include "link/change_format.h"
#include "link/fields.h"
#include "link/workspace_messages.h"

namespace caisson::link {
namespace {

using base::Json;

std::string bytes_of(Fields& fields, const std::string& digits) {
  std::string bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    unsigned value = 0;
    const char* end = digits.data() + i + 2;
    const auto [stop, error] = std::from_chars(digits.data() + i, end, value, 16);
    if (error != std::errc{} || stop != end) break;
    bytes.push_back(static_cast<char>(value));
  }
  // One form for each path: what is read is written as the same digits.
  if (base::hex(bytes) != digits) fields.fail("paths", "has a string that is not lower-case hex digits");
  const std::string flaw = flaw_of_path(bytes);
  if (!flaw.empty()) fields.fail("paths", "has a path that " + flaw);
  return bytes;
}

}  // namespace

Json to_json(const ChangesRequest& request) {
  return {{"service", "changes"}, {"id", request.id}, {"content", request.content}};
}

template <>
ChangesRequest from_json(const Json& json) {
  Fields fields(json, "changes request");
  fields.constant("service", "changes");
  ChangesRequest request;
  request.id = fields.number<uint32_t>("id", 1, kMostWorkspaces);
  request.content = fields.reader().required<bool>("content");
  fields.finish();
  return request;
}

Json to_json(const DiscardRequest& request) {
  Json paths = Json::array();
  for (const std::string& path : request.paths) paths.push_back(base::hex(path));
  return {{"service", "discard"}, {"id", request.id}, {"paths", std::move(paths)}};
}

template <>
DiscardRequest from_json(const Json& json) {
  Fields fields(json, "discard request");
  fields.constant("service", "discard");
  DiscardRequest request;
  request.id = fields.number<uint32_t>("id", 1, kMostWorkspaces);
  for (const std::string& digits : fields.texts("paths")) request.paths.push_back(bytes_of(fields, digits));
  fields.finish();
  return request;
}

}  // namespace caisson::link
