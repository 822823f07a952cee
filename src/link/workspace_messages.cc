// SPDX-License-Identifier: Apache-2.0

#include "link/workspace_messages.h"

#include "base/text.h"
#include "link/fields.h"

namespace caisson::link {
namespace {

using base::Json;

struct ModeName {
  Mount::Mode mode;
  const char* name;
};
constexpr ModeName kModes[] = {
    {Mount::Mode::kOverlay, "overlay"}, {Mount::Mode::kReadOnly, "ro"}, {Mount::Mode::kReadWrite, "rw"}};

Mount::Mode read_mode(Fields& fields) {
  const std::string text = fields.text("mode", kNameBytes);
  for (const ModeName& one : kModes) {
    if (text == one.name) return one.mode;
  }
  fields.fail("mode", "is none");
}

std::string read_target(Fields& fields) {
  std::string target = fields.text("target", kPathBytes);
  bool plain = target.size() > 1 && target.starts_with('/');
  if (plain) {
    for (const std::string& part : base::split(std::string_view(target).substr(1), '/'))
      plain = plain && !part.empty() && part != "." && part != ".." && part.size() <= kNameBytes;
  }
  if (!plain) fields.fail("target", "is not a plain absolute path");
  return target;
}

}  // namespace

Json to_json(const FuseRequest& request) {
  return {{"service", "fuse"}, {"id", request.id}, {"file", request.file}, {"overlay", request.overlay}};
}

template <>
FuseRequest from_json(const Json& json) {
  Fields fields(json, "fuse request");
  fields.constant("service", "fuse");
  FuseRequest request;
  request.id = fields.number<uint32_t>("id", 1, kMostWorkspaces);
  request.file = fields.reader().required<bool>("file");
  request.overlay = fields.reader().required<bool>("overlay");
  if (request.file && request.overlay) fields.fail("overlay", "cannot be of a file");
  fields.finish();
  return request;
}

Json to_json(const Mount& mount) {
  Json json{{"op", "mount"}, {"id", mount.id}, {"target", mount.target}, {"file", mount.file}};
  for (const ModeName& one : kModes) {
    if (one.mode == mount.mode) json["mode"] = one.name;
  }
  return json;
}

template <>
Mount from_json(const Json& json) {
  Fields fields(json, "mount request");
  fields.constant("op", "mount");
  Mount mount;
  mount.id = fields.number<uint32_t>("id", 1, kMostWorkspaces);
  mount.target = read_target(fields);
  mount.mode = read_mode(fields);
  mount.file = fields.reader().required<bool>("file");
  if (mount.file && mount.mode == Mount::Mode::kOverlay) fields.fail("mode", "is not one of a file");
  fields.finish();
  return mount;
}

}  // namespace caisson::link
