// SPDX-License-Identifier: Apache-2.0

// Questions to the user: may the sandbox connect to this target? A connection waits until somebody has answered, the
// policy has changed, or the time is up, which is a no. It is one at once where nobody is there to be asked, and when
// the last one goes.
//
// A guest can make up any number of targets. So a target is asked about once, however many connections wait for it;
// kMostOpen questions are open at a time; a target that was denied is not asked about again; and where
// kMostUnanswered questions in a row had no answer, nothing is asked until somebody comes.
//
// One thread: the executor's.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "link/event.h"

namespace caisson::gate {

namespace asio = boost::asio;

enum class Answer : uint8_t {
  kOnce,        // allowed, for the connections that wait now
  kDecided,     // the policy speaks of the target now: judge again
  kDenied,      // by the user, now or before
  kUnanswered,  // the time is up
  kUnattended,  // nobody is there
  kNobody,      // nobody answered several questions in a row
  kTooMany,     // too many are open, or were denied
};
// Why a connection is not made; "" for the first two.
std::string_view reason_of(Answer answer);

class Questions {
 public:
  static constexpr size_t kMostOpen = 16;
  static constexpr size_t kMostDenied = 1024;
  static constexpr size_t kMostUnanswered = 5;

  struct Open {
    uint64_t id = 0;  // never used again
    std::string target;
    std::chrono::steady_clock::time_point until;
  };

  Questions(asio::any_io_executor executor, std::chrono::seconds patience);
  ~Questions();
  Questions(const Questions&) = delete;
  Questions& operator=(const Questions&) = delete;

  // `open`: whether there is still something to ask, for recheck().
  asio::awaitable<Answer> ask(std::string target, std::function<bool()> open);
  // kOnce or kDenied. False: there is no such question any more.
  bool answer(uint64_t id, Answer answer);
  // The policy has changed.
  void recheck();
  // Somebody who can answer has come, or gone.
  void attend();
  void leave();
  // Those that wait are denied, and nothing is asked any more.
  void close();

  // In the order in which they came.
  std::vector<Open> open() const;
  bool closed() const { return closed_; }
  // Notified when open() or closed() has changed; how often they have.
  link::Event& changed() { return changed_; }
  uint64_t changes() const { return changes_; }

 private:
  struct Question;
  using QuestionPtr = std::shared_ptr<Question>;
  void settle(const QuestionPtr& question, Answer answer);
  void settle_all(Answer answer);
  void note_change();

  asio::any_io_executor executor_;
  std::chrono::seconds patience_;
  std::vector<QuestionPtr> open_;
  std::set<std::string> denied_;
  size_t attending_ = 0;
  size_t unanswered_ = 0;  // in a row
  uint64_t next_id_ = 1;
  bool closed_ = false;
  uint64_t changes_ = 0;
  link::Event changed_;
};

}  // namespace caisson::gate
