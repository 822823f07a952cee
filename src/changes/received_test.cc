// SPDX-License-Identifier: Apache-2.0

// What a list of changes may take of the host's disk.

#include "changes/received.h"

#include <gmock/gmock.h>

#include <csignal>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/scope.h"
#include "changes/change_set_for_test.h"

namespace caisson::changes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ReceivedTest : public testing::Test {
 protected:
  // A list with one file, "a", that comes in parts of any size.
  Received read(const std::string& content, const ReceiveBounds& bounds) const {
    std::string bytes;
    link::encode_change(record_of("a", file_node(content)), bytes);
    bytes += content;
    link::encode_change({}, bytes);
    base::FdPair pipe = base::make_pipe();
    // A reader that throws has closed its end.
    ::signal(SIGPIPE, SIG_IGN);
    std::thread writer([&bytes, to = std::move(pipe.second)] {
      try {
        base::write_all(to.get(), bytes, "pipe");
      } catch (const base::Error&) {
      }
    });
    const base::Scope wait([&] {
      pipe.first.reset();
      writer.join();
    });
    return Received::read(pipe.first.get(), "", temp_.path(), bounds);
  }
  std::string refusal(const std::string& content, const ReceiveBounds& bounds) const {
    try {
      read(content, bounds);
    } catch (const base::Error& error) {
      return error.what();
    }
    return {};
  }
  static std::string content_of(const Received& received) {
    std::string content;
    received.content(received.records().front(), [&](std::span<const char> part) {
      content.append(part.data(), part.size());
      return true;
    });
    return content;
  }

  base::TempFolder temp_;
};

TEST_F(ReceivedTest, TakesNoMoreContentThanTheSandboxHasDisk) {
  const std::string content(1'000'000, 'x');
  EXPECT_EQ(content_of(read(content, {.content = {1'000'000}})), content);
  EXPECT_THAT(refusal(content, {.content = {900'000}}), AllOf(HasSubstr("more content than"), HasSubstr("hard links")));
}

TEST_F(ReceivedTest, ContentThatIsAnnouncedAndNotThereIsNoticed) {
  for (const uint64_t announced : {4, 5}) {
    link::ChangeRecord record = record_of("a", file_node("text"));
    record.real_size = announced;
    if (announced != record.size) record.size = 0;
    std::string bytes;
    link::encode_change(record, bytes);
    if (record.size != 0) bytes += "text";
    link::encode_change({}, bytes);
    const std::string path = temp_ / "list";
    base::write_file_atomic(path, bytes, 0600);
    const Received received = Received::open(path);
    std::string refused;
    try {
      received.require_content();
    } catch (const base::Error& error) {
      refused = error.what();
    }
    if (announced == 4)
      EXPECT_EQ(refused, "");
    else
      EXPECT_THAT(refused, HasSubstr("0 of 5 bytes of 'a'"));
  }
}

TEST_F(ReceivedTest, HolesAreNoContent) {
  std::string content(50'000'000, '\0');
  content.replace(20'000'000, 3, "abc");
  content.back() = 'z';
  EXPECT_EQ(content_of(read(content, {.content = {5 * 4096}})), content);
  content.back() = '\0';
  EXPECT_EQ(content_of(read(content, {.content = {3 * 4096}})), content);
}

TEST_F(ReceivedTest, LeavesRoomOnTheDisk) {
  EXPECT_THAT(refusal("x", {.spare = {1ULL << 62}}), AllOf(HasSubstr("no space left"), HasSubstr(temp_.path())));
  EXPECT_TRUE(std::filesystem::is_empty(temp_.path()));
}

}  // namespace
}  // namespace caisson::changes
