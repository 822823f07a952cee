// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/pause_watch.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"

namespace caisson::engine::microvm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kStopped =
    R"({"event":"BLOCK_IO_ERROR","data":{"device":"","nospace":true,"operation":"write","action":"stop","reason":"full"}})"
    "\n";

// The answers to the first "cont" and the "query-status" behind it.
constexpr const char* kCont = R"({"return":{},"id":1})"
                              "\n";
constexpr const char* kRuns = R"({"return":{"running":true,"status":"running"},"id":2})"
                              "\n";

class PauseWatchTest : public testing::Test {
 protected:
  PauseWatchTest() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw base::system_error("cannot make", "qmp");
    qemu_ = base::Fd(ends[0]);
    watch_ = std::make_unique<PauseWatch>(context_.get_executor(), base::Fd(ends[1]), folder_.path(),
                                          [this](const std::string& why) { told_.push_back(why); });
  }

  void says(const std::string& text) { base::write_all(qemu_.get(), {text.data(), text.size()}, "qmp"); }
  std::string hears() {
    std::string line;
    char one = 0;
    while (::recv(qemu_.get(), &one, 1, MSG_DONTWAIT) == 1 && one != '\n') line += one;
    return line;
  }
  void run_until(const std::function<bool()>& condition) {
    while (!condition()) context_.run_one();
  }

  base::TempFolder folder_;
  asio::io_context context_;
  base::Fd qemu_;
  std::vector<std::string> told_;
  std::unique_ptr<PauseWatch> watch_;
};

TEST_F(PauseWatchTest, AMachineThatStoppedGoesOnWhereThereIsRoom) {
  says(kStopped);
  std::string asked;
  run_until([&] { return !(asked = hears()).empty(); });
  EXPECT_THAT(asked, HasSubstr(R"("execute":"cont")"));
  EXPECT_THAT(told_, ElementsAre("the host's disk with '" + folder_.path() + "' is full"));
  says(kCont);
  run_until([&] { return !(asked = hears()).empty(); });
  EXPECT_THAT(asked, HasSubstr(R"("execute":"query-status")"));
  says(kRuns);
  run_until([&] { return told_.size() == 2; });
  EXPECT_EQ(told_[1], "");
}

TEST_F(PauseWatchTest, EachRequestThatFailedIsNoPauseOfItsOwn) {
  says(std::string(kStopped) + kStopped);
  std::string asked;
  run_until([&] { return !(asked = hears()).empty(); });
  EXPECT_THAT(asked, HasSubstr(R"("execute":"cont")"));
  says(std::string(kStopped) + kCont + kRuns);
  run_until([&] { return told_.size() == 2; });
  hears();  // query-status
  context_.poll();
  EXPECT_THAT(told_, ElementsAre(HasSubstr("is full"), ""));
  EXPECT_EQ(hears(), "");
}

TEST_F(PauseWatchTest, OneThatStopsAgainAtOnceHasNotGoneOn) {
  says(kStopped);
  std::string asked;
  run_until([&] { return !(asked = hears()).empty(); });
  says(std::string(kCont) + R"({"return":{"running":false,"status":"io-error"},"id":2})" + "\n" + kStopped);
  run_until([&] { return (asked = hears()).find("cont") != std::string::npos; });
  EXPECT_THAT(told_, ElementsAre(HasSubstr("is full")));
  says(R"({"return":{},"id":3})"
       "\n"
       R"({"return":{"running":true,"status":"running"},"id":4})"
       "\n");
  run_until([&] { return told_.size() == 2; });
  EXPECT_EQ(told_[1], "");
}

TEST_F(PauseWatchTest, AnErrorThatTheGuestHearsOfIsNoPause) {
  says(R"({"event":"BLOCK_IO_ERROR","data":{"operation":"read","action":"report"}})"
       "\n");
  says(kStopped);
  run_until([&] { return !told_.empty(); });
  EXPECT_THAT(told_, ElementsAre(HasSubstr("is full")));
}

TEST_F(PauseWatchTest, NothingIsToldOnceItIsGone) {
  says(kStopped);
  watch_.reset();
  context_.run();
  EXPECT_TRUE(told_.empty());
}

}  // namespace
}  // namespace caisson::engine::microvm
