// SPDX-License-Identifier: Apache-2.0

#include "gate/questions.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <optional>

namespace caisson::gate {

struct Questions::Question {
  Question(asio::any_io_executor executor, Open asked, std::function<bool()> still_open)
      : about(std::move(asked)), is_open(std::move(still_open)), timer(executor), answered(executor) {}

  Open about;
  std::function<bool()> is_open;
  asio::steady_timer timer;
  link::Event answered;
  std::optional<Answer> answer;
};

std::string_view reason_of(Answer answer) {
  switch (answer) {
    case Answer::kOnce:
    case Answer::kDecided:
      return "";
    case Answer::kDenied:
      return "the answer to the question was no";
    case Answer::kUnanswered:
      return "nobody answered the question in time";
    case Answer::kUnattended:
      return "no terminal is attached that could be asked";
    case Answer::kNobody:
      return "nobody answers questions";
    case Answer::kTooMany:
      return "too many questions were asked";
  }
  return "";
}

Questions::Questions(asio::any_io_executor executor, std::chrono::seconds patience)
    : executor_(executor), patience_(patience), changed_(executor) {}

Questions::~Questions() {
  close();
}

asio::awaitable<Answer> Questions::ask(std::string target, std::function<bool()> open) {
  if (closed_ || denied_.contains(target)) co_return Answer::kDenied;
  if (attending_ == 0) co_return Answer::kUnattended;
  if (unanswered_ >= kMostUnanswered) co_return Answer::kNobody;
  const auto same = std::find_if(open_.begin(), open_.end(),
                                 [&](const QuestionPtr& question) { return question->about.target == target; });
  QuestionPtr question;
  if (same != open_.end()) {
    question = *same;
  } else {
    if (open_.size() >= kMostOpen || denied_.size() >= kMostDenied) co_return Answer::kTooMany;
    Open about{.id = next_id_++, .target = std::move(target), .until = std::chrono::steady_clock::now() + patience_};
    question = std::make_shared<Question>(executor_, std::move(about), std::move(open));
    question->timer.expires_at(question->about.until);
    question->timer.async_wait([this, weak = std::weak_ptr(question)](boost::system::error_code cancelled) {
      // One that is not answered yet is one of ours, so this is there.
      const QuestionPtr late = weak.lock();
      if (!cancelled && late && !late->answer) settle(late, Answer::kUnanswered);
    });
    open_.push_back(question);
    note_change();
  }
  // From here on nothing is touched but the question: who asks may outlive this object.
  while (!question->answer) co_await question->answered.wait();
  co_return *question->answer;
}

void Questions::settle(const QuestionPtr& question, Answer answer) {
  question->answer = answer;
  question->is_open = {};
  question->timer.cancel();
  std::erase(open_, question);
  if (answer == Answer::kDenied && !closed_) denied_.insert(question->about.target);
  unanswered_ = answer == Answer::kUnanswered ? unanswered_ + 1 : 0;
  question->answered.notify_all();
  note_change();
}

bool Questions::answer(uint64_t id, Answer answer) {
  const auto found =
      std::find_if(open_.begin(), open_.end(), [&](const QuestionPtr& question) { return question->about.id == id; });
  if (found == open_.end()) return false;
  QuestionPtr question = *found;  // outlives its place in the list
  settle(question, answer);
  return true;
}

void Questions::recheck() {
  const std::vector<QuestionPtr> asked = open_;
  for (const QuestionPtr& question : asked) {
    if (!question->is_open()) settle(question, Answer::kDecided);
  }
}

void Questions::close() {
  if (closed_) return;
  closed_ = true;
  settle_all(Answer::kDenied);
  note_change();
}

void Questions::attend() {
  ++attending_;
  unanswered_ = 0;
}

void Questions::leave() {
  if (--attending_ == 0) settle_all(Answer::kUnattended);
}

void Questions::settle_all(Answer answer) {
  while (!open_.empty()) {
    QuestionPtr question = open_.front();
    settle(question, answer);
  }
}

void Questions::note_change() {
  ++changes_;
  changed_.notify_all();
}

std::vector<Questions::Open> Questions::open() const {
  std::vector<Open> all;
  for (const QuestionPtr& question : open_) all.push_back(question->about);
  return all;
}

}  // namespace caisson::gate
