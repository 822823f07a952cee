// SPDX-License-Identifier: Apache-2.0

// The mounts themselves, on this machine's kernel: a folder served by caisson-share, which takes /dev/fuse for its
// stream, in a mount namespace of the test's own. Needs root.

#include "guest/workspace_mounts.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <tuple>

#include "base/error.h"
#include "base/file.h"
#include "base/install.h"
#include "base/process.h"
#include "base/temp_folder_for_test.h"
#include "guest/discard.h"
#include "guest/fuse_messages.h"
#include "guest/ready_overlay.h"

namespace caisson::guest {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

constexpr const char* kSettings = R"({"mode":"ro","masks":[],"unmask":[],"own":[],"started_ns":0})";

class WorkspaceMounts : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
    if (::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "there is no /dev/fuse";
    program();
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << std::strerror(errno);
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    // A file system of its own, as the sandbox's disk is: an overlay can't be the upper layer of another.
    fs::create_directories(folder_ / "disk");
    ASSERT_EQ(::mount("tmpfs", (folder_ / "disk").c_str(), "tmpfs", 0, nullptr), 0);
    fs::create_directories(folder_ / "host/src");
    std::ofstream(folder_ / "host/file") << "content";
    std::ofstream(folder_ / "host/src/code") << "code";
    anchors_ = open_anchors();
    anchors_.disk = base::open_file(folder_ / "disk", O_PATH | O_DIRECTORY);
  }
  void TearDown() override {
    for (const std::string& target : targets_) ::umount2(target.c_str(), MNT_DETACH);
    server_ = base::Child();
    ::umount2((folder_ / "disk/workspaces/1/share").c_str(), MNT_DETACH);
    ::umount2((folder_ / "disk").c_str(), MNT_DETACH);
  }

  // Has `of`, below the test's folder, served, and mounts it; the target's path.
  std::string mount(link::Mount::Mode mode, const std::string& of, const std::string& target) {
    const bool file = fs::is_regular_file(folder_ / of);
    FuseFileSystem made = make_fuse_file_system(file);
    base::set_nonblocking(made.device.get(), false);
    const base::Fd root = base::open_file(folder_ / of, O_PATH);
    const base::Fd baseline = base::open_file(folder_ / "baseline", O_WRONLY | O_CREAT | O_APPEND);
    server_ = base::spawn({.argv = {program(), kSettings},
                           .descriptors = {{2, 2}, {made.device.get(), 3}, {root.get(), 4}, {baseline.get(), 5}}});
    link::Mount what;
    what.id = 1;
    what.target = fs::canonical(folder_.path()).string() + "/" + target;
    what.mode = mode;
    what.file = file;
    targets_.push_back(what.target);
    device_ = std::move(made.device);
    mount_workspace(anchors_, made.context, what, mounted_);
    return what.target;
  }
  static std::vector<std::string> names(const std::string& folder) {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder)) found.push_back(entry.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
  }

  // Found before the mount namespace is another: the running executable has no path from there.
  static const std::string& program() {
    static const std::string kProgram = base::helper_program("caisson-share");
    return kProgram;
  }
  base::TempFolder folder_;
  Anchors anchors_;
  base::Child server_;
  base::Fd device_;
  Mounted mounted_;
  std::vector<std::string> targets_;
};

TEST_F(WorkspaceMounts, AnOverlayKeepsChangesOnTheDisk) {
  const std::string target = mount(link::Mount::Mode::kOverlay, "host", "new/place");
  EXPECT_EQ(base::read_file(target + "/file"), "content");
  std::ofstream(target + "/file") << "changed";
  fs::rename(target + "/src", target + "/renamed");
  fs::create_directory(target + "/made");
  EXPECT_THAT(names(target), ElementsAre("file", "made", "renamed"));
  EXPECT_EQ(base::read_file(target + "/renamed/code"), "code");
  EXPECT_THAT(names(folder_ / "host"), ElementsAre("file", "src"));
  EXPECT_EQ(base::read_file(folder_ / "host/file"), "content");
  // "src" is a whiteout there.
  EXPECT_THAT(names(folder_ / "disk/workspaces/1/upper"), ElementsAre("file", "made", "renamed", "src"));
}

TEST_F(WorkspaceMounts, AnOverlayForgetsNamesWhenItIsTold) {
  const std::string target = mount(link::Mount::Mode::kOverlay, "host", "place");
  EXPECT_FALSE(fs::exists(target + "/later"));
  std::ofstream(folder_ / "host/later") << "x";
  mounted_.forget_all();
  EXPECT_TRUE(fs::exists(target + "/later"));
}

// What the relay is in a sandbox: requests to the server's socket, its answers to the device. Until its end, which is
// the file system's, too.
class Pump {
 public:
  Pump(const base::Fd& device, const base::Fd& socket, Mounted& mounted)
      : device_(device), socket_(socket), mounted_(mounted), requests_([this] { pass_requests(); }), answers_([this] {
          pass_answers();
        }) {}
  ~Pump() {
    mounted_.disconnect();
    ::shutdown(socket_.get(), SHUT_RDWR);
    requests_.join();
    answers_.join();
  }
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;

 private:
  void pass_requests() {
    std::vector<uint8_t> message(link::kMostFuseBytes);
    for (ssize_t got = 0; (got = ::read(device_.get(), message.data(), message.size())) > 0;) {
      if (::send(socket_.get(), message.data(), static_cast<size_t>(got), MSG_NOSIGNAL) != got) return;
    }
  }
  void pass_answers() {
    FuseMessages messages;
    while (true) {
      const std::span<uint8_t> room = messages.room();
      const ssize_t got = ::read(socket_.get(), room.data(), room.size());
      if (got <= 0) return;
      messages.add(static_cast<size_t>(got));
      while (const auto message = messages.take()) {
        if (::write(device_.get(), message->data(), message->size()) < 0) return;
      }
    }
  }

  const base::Fd& device_;
  const base::Fd& socket_;
  Mounted& mounted_;
  std::thread requests_;
  std::thread answers_;
};

TEST_F(WorkspaceMounts, AnOverlayThatWasMadeReadyTakesTheRealServer) {
  ::chmod((folder_ / "host").c_str(), 0710);
  ReadyOverlay ready = make_ready_overlay(anchors_);
  base::set_nonblocking(ready.device.get(), false);
  base::FdPair pair = base::make_socketpair();
  const base::Fd root = base::open_file(folder_ / "host", O_PATH);
  const base::Fd baseline = base::open_file(folder_ / "baseline", O_WRONLY | O_CREAT | O_APPEND);
  server_ = base::spawn({.argv = {program(), kSettings},
                         .descriptors = {{2, 2}, {pair.second.get(), 3}, {root.get(), 4}, {baseline.get(), 5}}});
  pair.second.reset();
  ASSERT_EQ(::send(pair.first.get(), ready.init.request.data(), ready.init.request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(ready.init.request.size()));
  std::vector<uint8_t> answer(ready.init.answer.size());
  ASSERT_EQ(::recv(pair.first.get(), answer.data(), answer.size(), MSG_WAITALL), static_cast<ssize_t>(answer.size()));
  EXPECT_EQ(answer, ready.init.answer);

  const Pump pump(ready.device, pair.first, mounted_);
  link::Mount what;
  what.id = 1;
  what.target = fs::canonical(folder_.path()).string() + "/place";
  targets_.push_back(what.target);
  mount_overlay(anchors_, std::move(ready.mounts), what, mounted_);
  EXPECT_THAT(names(what.target), ElementsAre("file", "src"));
  EXPECT_EQ(base::read_file(what.target + "/src/code"), "code");
  std::ofstream(what.target + "/file") << "changed";
  EXPECT_EQ(base::read_file(folder_ / "host/file"), "content");
  struct stat info {};
  ASSERT_EQ(::stat(what.target.c_str(), &info), 0);
  EXPECT_EQ(std::make_tuple(info.st_uid, info.st_gid, info.st_mode & 07777U), std::make_tuple(1000U, 1000U, 0710U));
}

TEST_F(WorkspaceMounts, ChangesAreDiscardedBeneathAnOverlay) {
  const std::string target = mount(link::Mount::Mode::kOverlay, "host", "place");
  const base::Fd stands = base::open_file(target + "/src", O_RDONLY | O_DIRECTORY);
  std::ofstream(target + "/file") << "changed";
  fs::create_directory(target + "/made");
  std::ofstream(target + "/made/x") << "x";
  std::ofstream(target + "/src/new") << "x";
  fs::remove(target + "/src/code");
  const auto discard = [&](const std::vector<std::string>& paths) {
    const base::Fd upper = base::open_file(folder_ / "disk/workspaces/1/upper", O_RDONLY | O_DIRECTORY);
    const base::Fd lower = base::open_file(folder_ / "disk/workspaces/1/share", O_PATH | O_DIRECTORY);
    discard_changes({.upper = upper, .lower = lower}, paths);
    mounted_.forget_names();
  };
  discard({"src"});
  EXPECT_THAT(names(target + "/src"), ElementsAre("code"));
  EXPECT_EQ(base::read_file(target + "/src/code"), "code");
  EXPECT_EQ(base::read_file(target + "/file"), "changed");
  // Who stands in a folder of the host's goes on there.
  const base::Fd again(::openat(stands.get(), "again", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  EXPECT_TRUE(again) << std::strerror(errno);
  EXPECT_THAT(names(target + "/src"), ElementsAre("again", "code"));
  discard({});
  EXPECT_THAT(names(target), ElementsAre("file", "src"));
  EXPECT_THAT(names(target + "/src"), ElementsAre("code"));
  EXPECT_EQ(base::read_file(target + "/file"), "content");
  std::ofstream(target + "/file") << "changed again";
  EXPECT_EQ(base::read_file(target + "/file"), "changed again");
  EXPECT_EQ(base::read_file(folder_ / "host/file"), "content");
}

TEST_F(WorkspaceMounts, ReadOnlyIsMountedSo) {
  const std::string target = mount(link::Mount::Mode::kReadOnly, "host", "place");
  EXPECT_EQ(base::read_file(target + "/src/code"), "code");
  EXPECT_EQ(::open((target + "/file").c_str(), O_WRONLY | O_CLOEXEC), -1);
  EXPECT_EQ(errno, EROFS);
}

TEST_F(WorkspaceMounts, AFileIsMountedOnAFile) {
  const std::string target = mount(link::Mount::Mode::kReadOnly, "host/file", "etc/settings");
  EXPECT_EQ(base::read_file(target), "content");
  EXPECT_THROW(mount(link::Mount::Mode::kReadOnly, "host/file", "etc"), base::Error);
}

TEST_F(WorkspaceMounts, WhoWaitsIsAnsweredWhenItIsDisconnected) {
  const std::string target = mount(link::Mount::Mode::kOverlay, "host", "place");
  mounted_.disconnect();
  struct stat info {};
  EXPECT_EQ(::stat((target + "/src/code").c_str(), &info), -1);
  EXPECT_EQ(errno, ENOTCONN);
}

TEST_F(WorkspaceMounts, FoldersAboveItBecomePassable) {
  fs::create_directories(folder_ / "closed/inner");
  ::chmod((folder_ / "closed").c_str(), 0700);
  // Whose it is may be the agent's own, who needs no help.
  ASSERT_EQ(::chown((folder_ / "closed").c_str(), 4321, 4321), 0);
  mount(link::Mount::Mode::kReadOnly, "host", "closed/inner/place");
  struct stat info {};
  ASSERT_EQ(::stat((folder_ / "closed").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0711U);
}

TEST_F(WorkspaceMounts, AServerThatDoesNotAnswerIsAnError) {
  FuseFileSystem made = make_fuse_file_system(false);
  made.device.reset();
  link::Mount what;
  what.id = 1;
  what.target = folder_ / "place";
  what.mode = link::Mount::Mode::kReadOnly;
  try {
    mount_workspace(anchors_, made.context, what, mounted_);
    FAIL() << "mounted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.errnum(), ENOTCONN);
  }
}

}  // namespace
}  // namespace caisson::guest
