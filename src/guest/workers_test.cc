// SPDX-License-Identifier: Apache-2.0

#include "guest/workers.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <optional>
#include <system_error>
#include <thread>

#include "base/error.h"

namespace caisson::guest {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

class WorkersTest : public testing::Test {
 protected:
  // What became of a piece of work; `error` has no value while its caller waits.
  struct Outcome {
    std::optional<std::string> error;
    std::vector<std::string> told;
    bool is_over() const { return !told.empty() && told.back() != "give up"; }
  };

  Work work(Outcome& outcome, std::function<void()> run) {
    return {.doing = "cannot do 'it'",
            .run = std::move(run),
            .give_up = [&outcome] { outcome.told.emplace_back("give up"); },
            .finished = [&outcome](bool wanted) { outcome.told.emplace_back(wanted ? "wanted" : "unwanted"); }};
  }
  void begin(Workers& workers, Outcome& outcome, Work what) {
    asio::co_spawn(context_, run(workers, outcome, std::move(what)), asio::detached);
  }
  static asio::awaitable<void> run(Workers& workers, Outcome& outcome, Work what) {
    try {
      co_await workers.run(std::move(what));
      outcome.error = "";
    } catch (const base::Error& error) {
      outcome.error = error.what();
    }
  }
  // Work that waits until `gate_` is opened, as one that waits for a file system.
  std::function<void()> blocked() {
    return [opened = opened_] { opened.wait(); };
  }
  void run_until(std::function<bool()> done) {
    context_.restart();
    while (!done() && context_.run_one() > 0) {
    }
  }

  asio::io_context context_{1};
  std::promise<void> gate_;
  std::shared_future<void> opened_ = gate_.get_future().share();
};

// Nothing is over its time.
const Workers::Limits kPatient{.threads = 2, .time = 1h};
// Everything is that does not end at once.
const Workers::Limits kHasty{.threads = 2, .time = 1ms};

TEST_F(WorkersTest, WorkIsDoneOnAnotherThreadAndItsErrorsComeBack) {
  Workers workers(context_.get_executor(), kPatient);
  std::thread::id where;
  Outcome good;
  Outcome bad;
  begin(workers, good, work(good, [&] { where = std::this_thread::get_id(); }));
  begin(workers, bad, work(bad, [] { throw base::Error("no such thing"); }));
  run_until([&] { return good.error && bad.error; });
  EXPECT_EQ(*good.error, "");
  EXPECT_NE(where, std::this_thread::get_id());
  EXPECT_THAT(good.told, ElementsAre("wanted"));
  EXPECT_EQ(*bad.error, "no such thing");
  EXPECT_THAT(bad.told, ElementsAre("unwanted"));
}

TEST_F(WorkersTest, MoreWorkThanThreadsIsDoneInTurn) {
  Workers workers(context_.get_executor(), kPatient);
  std::vector<Outcome> outcomes(50);
  size_t done = 0;
  for (Outcome& outcome : outcomes)
    begin(workers, outcome, {.doing = "", .run = [] {}, .finished = [&](bool wanted) { done += wanted ? 1 : 0; }});
  // The last one to begin need not be the last one to end.
  run_until([&] {
    return std::all_of(outcomes.begin(), outcomes.end(), [](const Outcome& one) { return one.error.has_value(); });
  });
  EXPECT_EQ(done, outcomes.size());
}

TEST_F(WorkersTest, WorkThatHangsIsGivenUpAndOthersGoOn) {
  Workers workers(context_.get_executor(), kHasty);
  Outcome stuck;
  begin(workers, stuck, work(stuck, blocked()));
  run_until([&] { return stuck.error.has_value(); });
  EXPECT_THAT(*stuck.error, HasSubstr("cannot do 'it': it did not get to run within 0 s (a cgroup is frozen"));
  EXPECT_EQ(stuck.told.front(), "give up");
  Outcome other;
  begin(workers, other, {.doing = "", .run = [] {}, .patient = true});
  run_until([&] { return other.error.has_value(); });
  EXPECT_EQ(*other.error, "");
  // It is told again and again, and when it does return nobody wants what it has made.
  const size_t before = stuck.told.size();
  run_until([&] { return stuck.told.size() > before; });
  EXPECT_EQ(stuck.told.back(), "give up");
  gate_.set_value();
  run_until([&] { return stuck.told.back() == "unwanted"; });
}

TEST_F(WorkersTest, WhenEveryThreadIsLostWorkIsRefusedUntilOneReturns) {
  Workers workers(context_.get_executor(), kHasty);
  std::vector<Outcome> stuck(kHasty.threads);
  for (Outcome& one : stuck) begin(workers, one, work(one, blocked()));
  // Begun before it is known that the others hang.
  Outcome behind;
  begin(workers, behind, work(behind, [] {}));
  run_until([&] { return behind.error.has_value(); });
  EXPECT_THAT(*behind.error, HasSubstr("cannot do 'it': 2 starts before it still hang (a cgroup is frozen"));
  EXPECT_THAT(behind.told, ElementsAre("unwanted"));
  Outcome next;
  begin(workers, next, work(next, [] {}));
  run_until([&] { return next.error.has_value(); });
  EXPECT_THAT(*next.error, HasSubstr("2 starts before it still hang"));
  gate_.set_value();
  run_until([&] { return stuck[0].told.back() == "unwanted"; });
  Outcome again;
  begin(workers, again, {.doing = "", .run = [] {}, .patient = true});
  run_until([&] { return again.error.has_value(); });
  EXPECT_EQ(*again.error, "");
}

// As in a machine that is full of processes: there are the threads from the beginning, and no more.
std::function<void(std::function<void()>)> only_two_threads() {
  return [left = std::make_shared<int>(2)](std::function<void()> run) {
    if ((*left)-- <= 0) throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
    base::start_detached(std::move(run));
  };
}

TEST_F(WorkersTest, WhereNoMoreThreadsAreToBeHadThoseThatThereAreCanBeLostToo) {
  const Workers::Limits limits{.threads = 16, .time = 1ms, .start_thread = only_two_threads()};
  Workers workers(context_.get_executor(), limits);
  std::vector<Outcome> stuck(2);
  for (Outcome& one : stuck) begin(workers, one, work(one, blocked()));
  Outcome behind;
  begin(workers, behind, work(behind, [] {}));
  run_until([&] { return behind.error.has_value(); });
  EXPECT_THAT(*behind.error, HasSubstr("cannot do 'it': 2 starts before it still hang"));
  EXPECT_THAT(behind.told, ElementsAre("unwanted"));
  gate_.set_value();
  run_until([&] { return stuck[0].is_over() && stuck[1].is_over(); });
  Outcome again;
  begin(workers, again, {.doing = "", .run = [] {}, .patient = true});
  run_until([&] { return again.error.has_value(); });
  EXPECT_EQ(*again.error, "");
}

TEST_F(WorkersTest, AThreadThatIsToBeHadAgainIsUsed) {
  const auto there_are_some = std::make_shared<bool>(true);
  const Workers::Limits limits{.threads = 3, .time = 1ms, .start_thread = [=](std::function<void()> run) {
                                 if (!*there_are_some) throw std::system_error(EAGAIN, std::generic_category());
                                 base::start_detached(std::move(run));
                               }};
  Workers workers(context_.get_executor(), limits);
  *there_are_some = false;
  std::vector<Outcome> stuck(2);
  for (Outcome& one : stuck) begin(workers, one, work(one, blocked()));
  run_until([&] { return stuck[0].error && stuck[1].error; });
  *there_are_some = true;
  Outcome next;
  begin(workers, next, {.doing = "", .run = [] {}, .patient = true});
  run_until([&] { return next.error.has_value(); });
  EXPECT_EQ(*next.error, "");
  gate_.set_value();
  run_until([&] { return stuck[0].is_over() && stuck[1].is_over(); });
}

// One thread is lost, and the other is given to what came before when half of the time is over: then there is one that
// is not lost, and no free one. On a machine that stands still for that long both are lost: it is tried again then.
TEST_F(WorkersTest, WaitingForAThreadHasItsTimeToo) {
  constexpr auto kTime = 200ms;
  std::string error;
  for (int attempt = 0; attempt < 10 && error.find("did not get to run") == std::string::npos; ++attempt) {
    const Workers::Limits limits{.threads = 16, .time = kTime, .start_thread = only_two_threads()};
    Workers workers(context_.get_executor(), limits);
    std::promise<void> first_ends;
    Outcome lost;
    Outcome first;
    Outcome second;
    Outcome behind;
    begin(workers, lost, work(lost, blocked()));
    begin(workers, first, work(first, [end = first_ends.get_future().share()] { end.wait(); }));
    begin(workers, second, work(second, blocked()));
    begin(workers, behind, work(behind, [] {}));
    asio::steady_timer half(context_, kTime / 2);
    half.async_wait([&](boost::system::error_code) { first_ends.set_value(); });
    run_until([&] { return behind.error.has_value(); });
    error = *behind.error;
    EXPECT_THAT(behind.told, ElementsAre("unwanted"));
    gate_.set_value();
    run_until([&] { return lost.is_over() && first.is_over() && second.is_over(); });
    gate_ = std::promise<void>();
    opened_ = gate_.get_future().share();
  }
  EXPECT_THAT(error, HasSubstr("cannot do 'it': it did not get to run within 0 s"));
}

TEST_F(WorkersTest, ThePatientWaitForWhatIsOverItsTime) {
  Workers workers(context_.get_executor(), kHasty);
  Outcome outcome;
  Work patient = work(outcome, blocked());
  patient.patient = true;
  begin(workers, outcome, std::move(patient));
  run_until([&] { return !outcome.told.empty(); });
  EXPECT_EQ(outcome.told.front(), "give up");
  EXPECT_FALSE(outcome.error.has_value());
  gate_.set_value();
  run_until([&] { return outcome.error.has_value(); });
  EXPECT_EQ(*outcome.error, "");
  EXPECT_EQ(outcome.told.back(), "wanted");
}

}  // namespace
}  // namespace caisson::guest
