// SPDX-License-Identifier: Apache-2.0

// What passes on a connection to a name: if the client speaks TLS, the name in its first message (SNI) must be the one
// that the connection was allowed for, and in the second one, where the server asks for it (second_hello.h). Otherwise
// an allowed name would open every other site of the same server.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "gate/budget.h"
#include "gate/held_bytes.h"
#include "gate/second_hello.h"
#include "gate/tls_hello.h"
#include "gate/watchdog.h"
#include "link/relay.h"

namespace caisson::gate {

enum class Hidden { kRefused, kAllowed };

struct HelloRules {
  std::string name;  // "": nothing is compared
  // A ClientHello without a name, or with one that may be hidden (Encrypted Client Hello).
  Hidden hidden = Hidden::kRefused;
};

// Why the connection is not let through, "" where it is.
std::string hello_objection(const ClientHello& hello, const HelloRules& rules);

// How much a hello that is not whole may cost.
struct HelloLimits {
  std::chrono::milliseconds time;        // from its first byte
  std::shared_ptr<HeldBytes> held = {};  // may be null
  std::function<void()> end = {};        // ends the connection from elsewhere than pass()
};

// Also counts the bytes in the sandbox's budget. One connection.
class HelloFilter final : public link::RelayFilter {
 public:
  HelloFilter(SpenderPtr spender, HelloRules rules, HelloLimits limits)
      : spender_(std::move(spender)),
        rules_(std::move(rules)),
        limits_(std::move(limits)),
        held_(limits_.held),
        stage_(rules_.name.empty() ? Stage::kDecided : Stage::kFirst) {}

  bool lets_by(link::Way way, size_t bytes) override;
  asio::awaitable<std::span<const uint8_t>> pass(link::Way way, std::span<const uint8_t> bytes) override;
  void went_on(link::Way way) override;

  // Why the connection was ended by this filter, "" when it was not.
  const std::string& objection() const { return objection_; }

 private:
  enum class Stage : uint8_t { kFirst, kBehind, kSecond, kDecided };  // which hello is read, or looked for

  size_t look(std::string_view text);
  bool hello_ends(std::string_view text);
  void hold(size_t bytes);
  void watch();
  void object(std::string why);

  SpenderPtr spender_;
  HelloRules rules_;
  HelloLimits limits_;
  Held held_;
  std::optional<Watchdog> dog_;  // there while a hello is not whole
  ClientHelloReader reader_;
  SecondHelloScan scan_{false};
  std::string kept_;   // what arrived and has not passed, and what passes now
  size_t passed_ = 0;  // the latter
  Stage stage_;
  std::string objection_;
};

}  // namespace caisson::gate
