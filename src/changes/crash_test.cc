// SPDX-License-Identifier: Apache-2.0

// Whenever an apply dies, the next command leaves the folder exactly as it was or exactly as it was to be.

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/vfs.h>

#include <chrono>
#include <random>

#include "base/error.h"
#include "changes/change_set_for_test.h"
#include "sys/in_child_for_test.h"
#include "sys/namespaces.h"

namespace caisson::changes {
namespace {

const Tree kBefore = {{"a", file_node("one")},    {"b", file_node("two", 0600)}, {"d", folder_node()},
                      {"d/x", file_node("x")},    {"f", folder_node()},          {"f/1", file_node("1")},
                      {"f/s", folder_node(0700)}, {"f/s/2", file_node("2")},     {"l", link_node("a")},
                      {"t", folder_node()},       {"t/in", file_node("in")}};
const Tree kAfter = {{"a", file_node("ONE", 0755)}, {"d", folder_node(0700)},  {"d/x", file_node("X")},
                     {"d/y", file_node("y")},       {"l", link_node("d")},     {"n", folder_node(0555)},
                     {"n/m", folder_node()},        {"n/m/f", file_node("f")}, {"t", file_node("now a file")},
                     {"z", file_node("last")}};

class CrashTest : public ChangesTest {
 protected:
  void make_again() {
    for (const auto& [path, node] : host()) {
      if (node.type == FileType::kFolder) ::chmod((host_ + "/" + path).c_str(), 0700);
    }
    for (const auto& entry : std::filesystem::directory_iterator(host_)) std::filesystem::remove_all(entry.path());
    host(kBefore);
  }
  // In a child that dies before the step number `at`. Whether it did.
  template <typename Work>
  static bool dies_at(int at, Work work) {
    return sys::in_child([&] {
             int step = 0;
             try {
               work([&] {
                 if (step++ == at) ::raise(SIGKILL);
               });
             } catch (const base::Error&) {
               return 1;
             }
             return 0;
           }) == 128 + SIGKILL;
  }
  void apply_with(const std::vector<Change>& changes, std::function<void()> before_step) {
    apply(changes, {.root = root(),
                    .received = *received_,
                    .journal = journal_,
                    .log = log_,
                    .before_step = std::move(before_step)});
  }
  // "old" or "new"; else what is wrong.
  std::string state() const {
    if (std::filesystem::exists(journal_)) return "the journal is left";
    const Tree now = host();
    if (now == kBefore) return "old";
    if (now == kAfter) return "new";
    std::string paths;
    for (const auto& [path, node] : now) paths += " " + path + "=" + node.text;
    return "a mixture:" + paths;
  }
};

TEST_F(CrashTest, DyingBeforeAnyStep) {
  bool died = true;
  bool was_new = false;
  int at = 0;
  for (; died; ++at) {
    make_again();
    const ChangeSet set = compared(stream_between(kBefore, kAfter));
    died = dies_at(at, [&](std::function<void()> step) { apply_with(set.changes, std::move(step)); });
    recover(journal_);
    const std::string now = state();
    EXPECT_TRUE(now == "old" || now == "new") << "at " << at << ": " << now;
    // From the first step that may have been done on, it is finished.
    EXPECT_FALSE(was_new && now == "old") << "at " << at;
    was_new = was_new || now == "new";
  }
  EXPECT_GT(at, 20);
  EXPECT_EQ(state(), "new");
}

TEST_F(CrashTest, DyingAgainWhileItIsFinished) {
  for (int first = 0;; ++first) {
    make_again();
    const ChangeSet set = compared(stream_between(kBefore, kAfter));
    if (!dies_at(first, [&](std::function<void()> step) { apply_with(set.changes, std::move(step)); })) break;
    for (int second = 0; dies_at(second, [&](std::function<void()> step) { recover(journal_, step); }); ++second) {
    }
    const std::string now = state();
    EXPECT_TRUE(now == "old" || now == "new") << "at " << first << ": " << now;
  }
}

// The host has changed one of the files by the time of the next command: the rest is taken back.
TEST_F(CrashTest, WhatTheHostChangedAfterTheCrashStays) {
  for (int at = 0;; ++at) {
    make_again();
    const ChangeSet set = compared(stream_between(kBefore, kAfter));
    if (!dies_at(at, [&](std::function<void()> step) { apply_with(set.changes, std::move(step)); })) break;
    const std::string last = host().contains("b") ? "/b" : "/z";
    base::write_file_atomic(host_ + last, "mine", 0644);
    try {
      recover(journal_);
    } catch (const base::Error&) {
      // It says where the old files are.
    }
    EXPECT_EQ(base::read_file(host_ + last), "mine") << "at " << at;
    EXPECT_FALSE(std::filesystem::exists(journal_));
  }
}

// A thousand; a sanitizer makes each fork so slow that fewer have to do.
#ifndef __has_feature  // clang's
#define __has_feature(feature) 0
#endif
#if __has_feature(address_sanitizer)
constexpr int kKills = 150;
#else
constexpr int kKills = 1000;
#endif

// Killed from outside, again and again, at moments that are spread over the whole of it.
TEST_F(CrashTest, KilledAtAnyMoment) {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same moments each time
  std::map<std::string, int> ends;
  make_again();
  const ChangeSet set = compared(stream_between(kBefore, kAfter));
  const auto begun = std::chrono::steady_clock::now();
  sys::in_child([&] {
    apply_with(set.changes, {});
    return 0;
  });
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun);
  std::uniform_int_distribution<int64_t> moment(0, whole.count() + whole.count() / 4);
  for (int i = 0; i < kKills; ++i) {
    make_again();
    const ChangeSet fresh = compared(stream_between(kBefore, kAfter));
    const sys::CloneResult cloned = sys::clone_process(0);
    if (cloned.pid == 0) {
      try {
        apply_with(fresh.changes, {});
      } catch (const base::Error&) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    base::Child child(cloned.pid, base::Fd(cloned.pidfd));
    const int64_t wait_us = moment(random);
    const timespec wait{.tv_sec = wait_us / 1'000'000, .tv_nsec = wait_us % 1'000'000 * 1000};
    pollfd ended{.fd = child.pidfd(), .events = POLLIN, .revents = 0};
    ::ppoll(&ended, 1, &wait, nullptr);
    child.signal(SIGKILL);
    child.wait();
    recover(journal_);
    const std::string now = state();
    ASSERT_TRUE(now == "old" || now == "new") << "killed after " << wait_us << " us: " << now;
    ++ends[now];
  }
  // Both were met, or the moments were none.
  EXPECT_GT(ends["old"], 0);
  EXPECT_GT(ends["new"], 0);
}

TEST_F(CrashTest, AJournalThatEndsInALineIsNotBegun) {
  host(kBefore);
  ::mkdir((host_ + "/.caisson-apply-00").c_str(), 0700);
  base::write_file_atomic(host_ + "/.caisson-apply-00/1", "new");
  Journal journal;
  journal.root = host_;
  journal.device = root().look("").device;
  journal.inode = root().look("").inode;
  journal.stage = ".caisson-apply-00";
  JournalFile::begin(journal_, journal);
  const base::Fd file = base::open_file(journal_, O_WRONLY | O_APPEND);
  base::write_all(file.get(), std::string_view("swap 1 3"), journal_);
  EXPECT_EQ(recover(journal_), Recovery::kNotBegun);
  EXPECT_EQ(state(), "old");
}

TEST_F(CrashTest, AFolderThatHasGoneNeedsNothing) {
  host(kBefore);
  const ChangeSet set = compared(stream_between(kBefore, kAfter));
  ASSERT_TRUE(dies_at(25, [&](std::function<void()> step) { apply_with(set.changes, std::move(step)); }));
  std::filesystem::rename(host_, temp_ / "elsewhere");
  ::mkdir(host_.c_str(), 0700);
  EXPECT_EQ(recover(journal_), Recovery::kNotBegun);
  EXPECT_EQ(host(), Tree());
  EXPECT_EQ(recover(journal_), Recovery::kNothingToDo);
}

TEST_F(CrashTest, ALinkInTheWayToTheFolderIsNotFollowed) {
  host(kBefore);
  const ChangeSet set = compared(stream_between(kBefore, kAfter));
  ASSERT_TRUE(dies_at(25, [&](std::function<void()> step) { apply_with(set.changes, std::move(step)); }));
  std::filesystem::rename(host_, temp_ / "elsewhere");
  std::filesystem::create_directory_symlink("elsewhere", host_);
  EXPECT_THROW(recover(journal_), base::Error);
  EXPECT_TRUE(std::filesystem::exists(journal_));
  // Once it is back, what was begun is ended.
  std::filesystem::remove(host_);
  std::filesystem::rename(temp_ / "elsewhere", host_);
  EXPECT_NE(recover(journal_), Recovery::kNothingToDo);
  EXPECT_TRUE(state() == "old" || state() == "new") << state();
}

}  // namespace
}  // namespace caisson::changes
