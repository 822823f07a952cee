// SPDX-License-Identifier: Apache-2.0

#include "spec/workspace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"

namespace caisson::spec {
namespace {

using testing::HasSubstr;

std::string complaint(const std::function<void()>& call) {
  try {
    call();
    return "";
  } catch (const base::Error& error) {
    return error.what();
  }
}

Workspace folder(uint32_t id, const std::string& host, const std::string& guest) {
  return {.id = id, .host = host, .guest = guest, .mode = WorkspaceMode::kOverlay, .file = false};
}

std::string verdict(std::vector<Workspace> workspaces) {
  return complaint([&] { validate_workspaces(workspaces); });
}

TEST(ParseWorkspace, EachPartMayBeLeftOut) {
  const WorkspaceWish only = parse_workspace(".");
  EXPECT_EQ(only.host, ".");
  EXPECT_EQ(only.guest, "");
  EXPECT_FALSE(only.mode);
  const WorkspaceWish with_mode = parse_workspace("./src:rw");
  EXPECT_EQ(with_mode.guest, "");
  EXPECT_EQ(with_mode.mode, WorkspaceMode::kReadWrite);
  const WorkspaceWish with_place = parse_workspace("/a:/b");
  EXPECT_EQ(with_place.guest, "/b");
  EXPECT_FALSE(with_place.mode);
  const WorkspaceWish all = parse_workspace("/a:/b:ro");
  EXPECT_EQ(all.host, "/a");
  EXPECT_EQ(all.guest, "/b");
  EXPECT_EQ(all.mode, WorkspaceMode::kReadOnly);
  // A folder that is called like a mode.
  EXPECT_EQ(parse_workspace("ro").host, "ro");
}

TEST(ParseWorkspace, MistakesAreNamed) {
  for (const char* text : {"", ":/b", "/a:b", "/a:/b:/c", "/a:/b:rx", "/a:/b:ro:rw", "/a:", "/a:RO"}) {
    const std::string said = complaint([&] { parse_workspace(text); });
    EXPECT_THAT(said, HasSubstr("cannot share ")) << text;
    EXPECT_THAT(said, HasSubstr("HOST[:GUEST][:MODE]")) << text;
  }
  EXPECT_THAT(complaint([] { parse_workspace("/a:/b:rx"); }), HasSubstr("'rx' is not a mode"));
}

TEST(Workspaces, TheirPlacesHideNothingThatIsNeeded) {
  for (const char* place : {"/", "/proc", "/proc/1", "/dev/shm", "/sys", "/run/user/1000", "/etc", "/usr", "/usr/lib",
                            "/lib", "/bin", "/tmp", "/home", "/var", "/var/lib/docker", "/var/lib/docker/volumes"})
    EXPECT_THAT(verdict({folder(1, "/x", place)}), HasSubstr("another place")) << place;
  for (const char* place : {"/srv/me", "/work", "/etc/nginx", "/usr/src/app", "/var/www", "/tmp/x", "/root", "/devel",
                            "/var/lib/dockerish", "/srv"})
    EXPECT_EQ(verdict({folder(1, "/x", place)}), "") << place;
}

TEST(Workspaces, TheyDoNotLieInOneAnother) {
  EXPECT_EQ(verdict({folder(1, "/a", "/a"), folder(2, "/b", "/ab")}), "");
  EXPECT_EQ(verdict({folder(1, "/a", "/a"), folder(2, "/a", "/b")}), "");
  EXPECT_THAT(verdict({folder(1, "/a", "/a"), folder(2, "/b", "/a/b")}), HasSubstr("in one another"));
  EXPECT_THAT(verdict({folder(1, "/a", "/a/b/c"), folder(2, "/b", "/a")}), HasSubstr("in one another"));
  EXPECT_THAT(verdict({folder(1, "/a", "/a"), folder(2, "/b", "/a")}), HasSubstr("in one another"));
}

TEST(Workspaces, WhatIsWrittenIsSharedOnce) {
  const auto with_mode = [](Workspace workspace, WorkspaceMode mode) {
    workspace.mode = mode;
    return workspace;
  };
  const Workspace written = with_mode(folder(1, "/a/b", "/x"), WorkspaceMode::kReadWrite);
  for (const char* host : {"/a", "/a/b", "/a/b/c"}) {
    for (const WorkspaceMode mode : {WorkspaceMode::kOverlay, WorkspaceMode::kReadOnly, WorkspaceMode::kReadWrite}) {
      const Workspace other = with_mode(folder(2, host, "/y"), mode);
      EXPECT_THAT(verdict({written, other}), HasSubstr("of the same files")) << host;
      EXPECT_THAT(verdict({other, written}), HasSubstr("of the same files")) << host;
    }
    // A clone has files of its own.
    EXPECT_EQ(verdict({written, with_mode(folder(2, host, "/y"), WorkspaceMode::kClone)}), "") << host;
  }
  EXPECT_EQ(verdict({written, folder(2, "/a/bc", "/y")}), "");
  EXPECT_EQ(verdict({with_mode(written, WorkspaceMode::kReadOnly), folder(2, "/a", "/y")}), "");
}

TEST(Workspaces, BoundsAndFormsAreChecked) {
  EXPECT_THAT(verdict({folder(0, "/a", "/a")}), HasSubstr("the number 0"));
  EXPECT_THAT(verdict({folder(33, "/a", "/a")}), HasSubstr("the number 33"));
  EXPECT_THAT(verdict({folder(1, "/a", "/a"), folder(1, "/b", "/b")}), HasSubstr("two workspaces have the number 1"));
  for (const char* path : {"", "a", "/a/", "//a", "/a/../b", "/./a"}) {
    EXPECT_THAT(verdict({folder(1, path, "/a")}), HasSubstr("not a plain one")) << path;
    EXPECT_THAT(verdict({folder(1, "/a", path)}), HasSubstr("not a plain one")) << path;
  }
  EXPECT_THAT(verdict({folder(1, "/" + std::string(4095, 'x'), "/a")}), HasSubstr("at most 4095"));
  EXPECT_THAT(verdict({folder(1, "/a", "/" + std::string(256, 'x'))}), HasSubstr("at most 255"));
  EXPECT_THAT(verdict(std::vector<Workspace>(33, folder(1, "/a", "/a"))), HasSubstr("at most 32"));
  Workspace file = folder(1, "/a/file", "/a/file");
  file.file = true;
  EXPECT_EQ(
      verdict({file}),
      "the workspace '/a/file' is a file, which has no overlay (share it with :ro or :rw, or the folder it is in)");
  file.mode = WorkspaceMode::kClone;
  EXPECT_THAT(verdict({file}), HasSubstr("a file, which has no git repository"));
  file.mode = WorkspaceMode::kReadOnly;
  EXPECT_EQ(verdict({file}), "");
}

TEST(Workspaces, MasksAreBounded) {
  EXPECT_EQ(complaint([] { validate_masks("--mask", {".env*", "config/*.key"}); }), "");
  for (const std::string& pattern : {std::string(), std::string(".."), std::string(256, 'x'), std::string("a\0b", 3)})
    EXPECT_THAT(complaint([&] { validate_masks("--mask", {pattern}); }), HasSubstr("--mask")) << pattern;
  EXPECT_THAT(complaint([] { validate_masks("--mask", std::vector<std::string>(257, "x")); }),
              HasSubstr("at most 256"));
  EXPECT_EQ(complaint([] { validate_masks("--mask", default_masks()); }), "");
  EXPECT_EQ(complaint([] { validate_masks("--unmask", default_unmasks()); }), "");
}

TEST(Workspaces, PathsAreCleaned) {
  EXPECT_EQ(clean_path("/a//b/./c/"), "/a/b/c");
  EXPECT_EQ(clean_path("/a/../../b"), "/b");
  EXPECT_EQ(clean_path("/.."), "/");
  EXPECT_EQ(clean_path("a"), std::nullopt);
  EXPECT_EQ(clean_path(std::string("/a\0b", 4)), std::nullopt);
}

TEST(Workspaces, AFolderOfTheHostIsFoundInTheGuest) {
  const std::vector<Workspace> workspaces = {folder(1, "/srv/me/p", "/srv/me/p"), folder(2, "/data", "/mnt/data")};
  EXPECT_EQ(place_in_guest(workspaces, "/srv/me/p"), "/srv/me/p");
  EXPECT_EQ(place_in_guest(workspaces, "/srv/me/p/src"), "/srv/me/p/src");
  EXPECT_EQ(place_in_guest(workspaces, "/data/x/y"), "/mnt/data/x/y");
  EXPECT_EQ(place_in_guest(workspaces, "/srv/me/pp"), std::nullopt);
  EXPECT_EQ(place_in_guest(workspaces, "/srv/me"), std::nullopt);
  EXPECT_EQ(place_in_guest({folder(1, "/", "/host")}, "/etc"), "/host/etc");
  EXPECT_EQ(place_in_guest({folder(1, "/", "/host")}, "/"), "/host");
}

}  // namespace
}  // namespace caisson::spec
