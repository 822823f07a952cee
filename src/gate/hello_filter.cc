// SPDX-License-Identifier: Apache-2.0

#include "gate/hello_filter.h"

#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "gate/host_name.h"

namespace caisson::gate {
namespace {

constexpr size_t kCopiesOfHello = 2;  // the reader has it, too

}  // namespace

bool HelloFilter::lets_by(link::Way way, size_t bytes) {
  if (way == link::Way::kFromStream && stage_ != Stage::kDecided) return false;
  return spender_->budget().spend_at_once(bytes);
}

asio::awaitable<std::span<const uint8_t>> HelloFilter::pass(link::Way way, std::span<const uint8_t> bytes) {
  co_await spender_->spend(bytes.size());
  if (way == link::Way::kToStream || stage_ == Stage::kDecided) co_return bytes;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  hold(kept_.size() + text.size());
  kept_ += text;
  passed_ = look(text);
  watch();
  co_return std::span(reinterpret_cast<const uint8_t*>(kept_.data()), passed_);
}

// It is of no use any more. Connections live long, and there may be thousands whose client says nothing more for now:
// what they have said is not theirs to hold of what hellos share that have begun.
void HelloFilter::went_on(link::Way way) {
  if (way == link::Way::kToStream || passed_ == 0) return;
  kept_.erase(0, std::exchange(passed_, 0));
  if (kept_.empty()) std::string().swap(kept_);
  held_.set(kCopiesOfHello * kept_.size());
}

void HelloFilter::hold(size_t bytes) {
  try {
    held_.set(kCopiesOfHello * bytes);
  } catch (const base::Error& error) {
    object(error.problem());
  }
}

// A hello that has begun has to come to its end. One that has not costs nothing.
void HelloFilter::watch() {
  if (stage_ != Stage::kFirst && stage_ != Stage::kSecond) {
    dog_.reset();
    (void)std::exchange(reader_, {});  // gives its memory back, which an assignment would not
    return;
  }
  if (dog_) return;
  dog_.emplace(spender_->budget().executor());
  dog_->arm(limits_.time, [this] {
    objection_ = "its TLS ClientHello took too long";
    if (limits_.end) limits_.end();
  });
}

// How many of the bytes that are kept may pass; `text` is their end, which is new.
size_t HelloFilter::look(std::string_view text) {
  if (stage_ == Stage::kFirst) {
    if (!hello_ends(text)) return 0;
    if (stage_ == Stage::kDecided) return kept_.size();
    stage_ = Stage::kBehind;
    scan_ = SecondHelloScan(reader_.hello().early_data);
    scan_.skip(reader_.bytes());
  }
  size_t free = 0;
  if (stage_ == Stage::kBehind) {
    free = scan_.next(kept_);
    if (scan_.found() == SecondHelloScan::Found::kNotYet) return free;
    if (scan_.found() == SecondHelloScan::Found::kNone) {
      stage_ = Stage::kDecided;
      return kept_.size();
    }
    stage_ = Stage::kSecond;
    reader_ = {};
    text = std::string_view(kept_).substr(free);
  }
  if (!hello_ends(text)) return free;
  stage_ = Stage::kDecided;  // a server asks once
  return kept_.size();
}

// Whether the hello that is being read is whole, and let through. What is none decides.
bool HelloFilter::hello_ends(std::string_view text) {
  switch (reader_.feed(text)) {
    case ClientHelloReader::State::kNeedMore:
      return false;
    case ClientHelloReader::State::kMalformed:
      object(base::escaped(reader_.problem()));
      break;
    case ClientHelloReader::State::kHello:
      if (std::string why = hello_objection(reader_.hello(), rules_); !why.empty()) object(std::move(why));
      break;
    case ClientHelloReader::State::kNotTls:
      stage_ = Stage::kDecided;
      break;
  }
  return true;
}

std::string hello_objection(const ClientHello& hello, const HelloRules& rules) {
  const bool hidden_refused = rules.hidden == Hidden::kRefused;
  if (!hello.server_name) return hidden_refused ? "its TLS ClientHello names no server (SNI)" : "";
  if (!rules.name.empty() && normal_name(*hello.server_name) != rules.name)
    return "its TLS ClientHello names " + base::in_quotes(*hello.server_name) + " (SNI)";
  if (hello.ech && hidden_refused)
    return "its TLS ClientHello may hide another name (Encrypted Client Hello); switch that off in the client";
  return "";
}

void HelloFilter::object(std::string why) {
  objection_ = std::move(why);
  throw base::Error(objection_);
}

}  // namespace caisson::gate
