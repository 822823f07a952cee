// SPDX-License-Identifier: Apache-2.0

#include "link/workspace_messages.h"

#include <gtest/gtest.h>

#include "link/complaint_for_test.h"
#include "link/services.h"

namespace caisson::link {
namespace {

using base::Json;

Mount mount_of(Mount::Mode mode, bool file) {
  Mount mount;
  mount.id = 3;
  mount.target = "/srv/me/a project";
  mount.mode = mode;
  mount.file = file;
  return mount;
}

TEST(WorkspaceMessages, AreReadAsWritten) {
  for (const bool file : {false, true}) {
    FuseRequest request;
    request.id = 32;
    request.file = file;
    request.overlay = !file;
    EXPECT_EQ(to_json(from_json<FuseRequest>(to_json(request))), to_json(request));
  }
  for (const Mount& mount : {mount_of(Mount::Mode::kOverlay, false), mount_of(Mount::Mode::kReadOnly, true),
                             mount_of(Mount::Mode::kReadWrite, false)}) {
    ControlRequest request;
    request.operation = ControlRequest::Operation::kMount;
    request.mount = mount;
    EXPECT_EQ(to_json(from_json<ControlRequest>(to_json(request))), to_json(mount));
  }
}

TEST(WorkspaceMessages, FuseRequestIsStrict) {
  const Json good = to_json(FuseRequest{.id = 1, .file = false, .overlay = false});
  for (const Json& id : {Json(0), Json(33), Json(-1), Json("1"), Json(1.0)})
    EXPECT_NE(complaint<FuseRequest>(with(good, "id", id)), "") << id;
  EXPECT_NE(complaint<FuseRequest>(with(good, "file", 1)), "");
  EXPECT_NE(complaint<FuseRequest>(with(good, "overlay", 1)), "");
  EXPECT_NE(complaint<FuseRequest>(with(with(good, "file", true), "overlay", true)), "");
  EXPECT_NE(complaint<FuseRequest>(with(good, "path", "/")), "");
  EXPECT_NE(complaint<FuseRequest>(with(good, "service", "port")), "");
}

TEST(WorkspaceMessages, MountIsStrict) {
  const Json good = to_json(mount_of(Mount::Mode::kReadOnly, false));
  EXPECT_EQ(complaint<Mount>(good), "");
  for (const char* target : {"", "/", "a", "/a/", "//a", "/a//b", "/a/./b", "/a/..", "/.."})
    EXPECT_EQ(complaint<Mount>(with(good, "target", target)),
              "mount request: the key 'target' is not a plain absolute path")
        << target;
  EXPECT_NE(complaint<Mount>(with(good, "target", "/" + std::string(256, 'x'))), "");
  EXPECT_NE(complaint<Mount>(with(good, "target", std::string("/a\0b", 4))), "");
  EXPECT_EQ(complaint<Mount>(with(good, "mode", "clone")), "mount request: the key 'mode' is none");
  EXPECT_NE(complaint<Mount>(with(with(good, "mode", "overlay"), "file", true)), "");
  EXPECT_NE(complaint<Mount>(with(good, "id", 0)), "");
  EXPECT_NE(complaint<Mount>(with(good, "upper", "/x")), "");
}

}  // namespace
}  // namespace caisson::link
