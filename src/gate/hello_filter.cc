// SPDX-License-Identifier: Apache-2.0

#include "gate/hello_filter.h"

#include "base/error.h"
#include "base/text.h"
#include "gate/host_name.h"

namespace caisson::gate {

asio::awaitable<std::span<const uint8_t>> HelloFilter::pass(link::Way way, std::span<const uint8_t> bytes) {
  co_await budget_.spend(bytes.size());
  if (decided_ || way == link::Way::kToStream) co_return bytes;
  co_return look_at(bytes);
}

std::span<const uint8_t> HelloFilter::look_at(std::span<const uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  kept_ += text;
  switch (reader_.feed(text)) {
    case ClientHelloReader::State::kNeedMore:
      return {};
    case ClientHelloReader::State::kMalformed:
      object(base::escaped(reader_.problem()));
      break;
    case ClientHelloReader::State::kHello:
      if (std::string why = hello_objection(reader_.hello(), rules_); !why.empty()) object(std::move(why));
      break;
    case ClientHelloReader::State::kNotTls:
      break;
  }
  decided_ = true;
  return {reinterpret_cast<const uint8_t*>(kept_.data()), kept_.size()};
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
